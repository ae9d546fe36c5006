import assert from "node:assert/strict";
import { COMMON } from "../../lib/methods/parameters.ts";
import type { Parameter } from "../../lib/methods/method.ts";
import { findMethod, methods, wrappers } from "../../lib/methods/registry.ts";

Deno.test("findMethod() knows every registered name", () => {
  for (const method of methods) assert.equal(findMethod(method.name), method);
  assert.equal(new Set(methods.map(({ name }) => name)).size, methods.length);
});

Deno.test("findMethod() says what was probably meant, and what there is", () => {
  const names = (list: readonly { name: string }[]) => list.map(({ name }) => name).join(", ");
  const known = `methods are ${names(methods)}; wrappers are ${names(wrappers)}`;
  assert.throws(() => findMethod("rocketvk"), {
    name: "UsageError",
    message: `Cannot use --method "rocketvk": did you mean "rocketkv"? ${known}`,
  });
  assert.throws(() => findMethod("zigzag"), { message: `Cannot use --method "zigzag": ${known}` });
});

/** Methods and wrappers: all that has parameters. */
const all = [...methods, ...wrappers];

Deno.test("every method and wrapper cites a paper and describes its parameters once", () => {
  for (const { name, summary, paper, parameters } of all) {
    assert.match(paper, /arXiv:\d{4}\.\d{5}$/, name);
    assert(summary.length > 10 && !summary.includes("\n"), name);
    assert.equal(new Set(parameters.map((p) => p.name)).size, parameters.length, name);
    for (const p of parameters) assert(p.min <= p.max && p.help !== "" && p.unit !== "" && p.default !== "", p.name);
  }
});

Deno.test("a parameter means the same in all methods, and no wrapper's has the name of a method's", () => {
  const known = new Map<string, Parameter>();
  for (const p of all.flatMap(({ parameters }) => parameters)) {
    const { default: _, ...meaning } = p;
    const { default: __, ...first } = known.get(p.name) ?? p;
    assert.deepEqual(meaning, first, p.name);
    known.set(p.name, p);
  }
  const ofMethods = new Set(methods.flatMap(({ parameters }) => parameters.map((p) => p.name)));
  for (const p of wrappers.flatMap(({ parameters }) => parameters)) assert(!ofMethods.has(p.name), p.name);
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

Deno.test("docs/methods.md lists exactly the wrappers, each with its paper and the method it wraps by default", () => {
  const expected = wrappers.map(({ name, summary, paper, inner }) => {
    const [, title, id] = /^(.*), arXiv:(.*)$/.exec(paper)!;
    return [`\`${name}\``, summary, `[${title}](https://arxiv.org/abs/${id})`, `\`${name}(${inner})\``];
  });
  assert.deepEqual(table("Wrappers").map((row) => row.slice(0, 4)), expected);
});

Deno.test("docs/methods.md says of every method how it differs from published code", () => {
  const told = new Set(table("What differs from the papers' code").flatMap(([names]) => names!.split(", ")));
  const alike = ["full", "auto", "hsa", "oracle-group"]; // told elsewhere, or without published code
  for (const { name } of all) assert(told.has(`\`${name}\``) || alike.includes(name), name);
});

Deno.test("docs/methods.md lists exactly the parameters there are, with their defaults", () => {
  const expected = all.flatMap((method) =>
    method.parameters.filter((p) => !COMMON.includes(p))
      .map((p) => [`\`${method.name}\``, `\`${p.name}\``, p.default])
  );
  assert.deepEqual(
    table("Defaults").flatMap(([names, name, value]) => names!.split(", ").map((n) => [n, name, value])).sort(),
    expected.sort(),
  );
});

Deno.test("docs/methods.md explains every parameter", () => {
  const known = new Map<string, Parameter>();
  for (const p of all.flatMap(({ parameters }) => parameters)) if (!known.has(p.name)) known.set(p.name, p);
  const expected = [...known.values()].map((p) => [`\`${p.name}\``, p.unit, p.help]);
  assert.deepEqual(table("Parameters").sort(), expected.sort());
  for (const p of COMMON) assert(document.includes(`\`${p.name}\``), p.name);
});
