/** What would work in a checkout and not in a bundle is refused when it is bundled. */
import assert from "node:assert/strict";
import { bundle } from "../../scripts/dist/bundle.ts";
import { CHECKOUT, emptyFolder } from "./program.ts";

/** Bundle a program of one file. */
async function bundleOf(source: string): Promise<string[]> {
  using folder = emptyFolder();
  Deno.mkdirSync(`${folder.path}/lib`);
  Deno.symlinkSync(`${CHECKOUT}node_modules`, `${folder.path}/node_modules`);
  Deno.writeTextFileSync(`${folder.path}/lib/main.ts`, source);
  return await bundle(`${folder.path}/out`, `${folder.path}/lib/main.ts`);
}

Deno.test("a bundle has the packages that are imported, and those with native code", async () => {
  const packages = await bundleOf('import Table from "cli-table3"; console.log(new Table());');
  const names = packages.map((id) => id.slice(0, id.lastIndexOf("@")));
  for (const name of ["cli-table3", "string-width", "@resvg/resvg-js", "@node-rs/jieba-linux-x64-gnu"]) {
    assert(names.includes(name), name);
  }
  assert(!names.includes("vega"));
});

Deno.test("code that asks where it lies is not bundled", async () => {
  await assert.rejects(
    bundleOf('console.log(Deno.readTextFileSync(new URL("words.txt", import.meta.url)));'),
    /asks where it lies: only lib\/installation\.ts may/,
  );
  await bundleOf('import { createRequire } from "node:module"; console.log(createRequire(import.meta.url));');
});

Deno.test("a CommonJS package that is loaded late is not bundled", async () => {
  await assert.rejects(
    bundleOf('const { default: Table } = await import("cli-table3"); console.log(new Table());'),
    /Cannot bundle .*lib\/main\.ts: import\("cli-table3"\) must be in a file of its own/,
  );
});
