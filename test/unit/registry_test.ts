import assert from "node:assert/strict";
import { COMMON } from "../../lib/methods/parameters.ts";
import type { Parameter } from "../../lib/methods/method.ts";
import { findMethod, methods } from "../../lib/methods/registry.ts";

Deno.test("findMethod() knows every registered name", () => {
  for (const method of methods) assert.equal(findMethod(method.name), method);
  assert.equal(new Set(methods.map(({ name }) => name)).size, methods.length);
});

Deno.test("findMethod() says what was probably meant, and what there is", () => {
  const names = methods.map(({ name }) => name).join(", ");
  assert.throws(() => findMethod("rocketvk"), {
    name: "UsageError",
    message: `Cannot use --method "rocketvk": did you mean "rocketkv"? methods are ${names}`,
  });
  assert.throws(() => findMethod("h2o"), { message: `Cannot use --method "h2o": methods are ${names}` });
});

Deno.test("every method cites a paper and describes its parameters once", () => {
  for (const { name, summary, paper, parameters } of methods) {
    assert.match(paper, /arXiv:\d{4}\.\d{5}$/, name);
    assert(summary.length > 10 && !summary.includes("\n"), name);
    assert.equal(new Set(parameters.map((p) => p.name)).size, parameters.length, name);
    for (const p of parameters) assert(p.min <= p.max && p.help !== "" && p.unit !== "" && p.default !== "", p.name);
  }
});

const document = Deno.readTextFileSync(new URL("../../docs/methods.md", import.meta.url));

/** Cells of the table under a heading, without the two header rows. */
function table(heading: string): string[][] {
  const section = document.split(/^## /m).find((text) => text.startsWith(`${heading}\n`));
  assert(section !== undefined, `docs/methods.md has no section "${heading}"`);
  return section.split("\n").filter((line) => line.startsWith("|")).slice(2)
    .map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));
}

Deno.test("docs/methods.md lists exactly the registered methods, each with its paper", () => {
  const expected = methods.map(({ name, summary, paper }) => {
    const [, title, id] = /^(.*), arXiv:(.*)$/.exec(paper)!;
    return [`\`${name}\``, summary, `[${title}](https://arxiv.org/abs/${id})`];
  });
  assert.deepEqual(table("Methods").map((row) => row.slice(0, 3)), expected);
});

Deno.test("docs/methods.md lists exactly the parameters there are, with their defaults", () => {
  const expected = methods.flatMap((method) =>
    method.parameters.filter((p) => !COMMON.some((common) => common.name === p.name))
      .map((p) => [`\`${method.name}\``, `\`${p.name}\``, p.default])
  );
  assert.deepEqual(
    table("Defaults").flatMap(([names, name, value]) => names!.split(", ").map((n) => [n, name, value])).sort(),
    expected.sort(),
  );
});

Deno.test("docs/methods.md explains every parameter", () => {
  const known = new Map<string, Parameter>();
  for (const method of methods) for (const p of method.parameters) if (!known.has(p.name)) known.set(p.name, p);
  const expected = [...known.values()].map((p) => [`\`${p.name}\``, p.unit, p.help]);
  assert.deepEqual(table("Parameters").sort(), expected.sort());
  for (const p of COMMON) assert(document.includes(`\`${p.name}\``), p.name);
});
