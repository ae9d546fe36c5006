/** That the one-file program holds its commands to their permissions: another main.js in the place of its own. */
import assert from "node:assert/strict";
import { emptyFolder, run, UNPACKED_FOLDER } from "./program.ts";

/** A copy of the unpacked program: its files are links to the same bytes. */
function unpackedCopy(folder: string): Record<string, string> {
  const cache = `${folder}/cache`;
  Deno.mkdirSync(cache, { mode: 0o700 });
  new Deno.Command("cp", { args: ["-al", UNPACKED_FOLDER, cache] }).outputSync();
  return { ROCKETKV_CACHE: cache, HOME: folder };
}

/** Run the program with other code in the place of its command line. */
async function withMain(main: string, args: readonly string[]): Promise<string[]> {
  using folder = emptyFolder();
  const env = unpackedCopy(folder.path);
  const place = `${env.ROCKETKV_CACHE}/${UNPACKED_FOLDER.split("/").at(-1)}/main.js`;
  Deno.removeSync(place);
  Deno.writeTextFileSync(place, main);
  const { code, stdout, stderr } = await run(args, { env, cwd: folder.path });
  assert.deepEqual([code, stderr], [0, ""]);
  return stdout.trimEnd().split("\n");
}

const PROBE = `
const here = new URL(".", import.meta.url).pathname.replaceAll("%20", " ");
const tries = {
  "load the library": () => Deno.dlopen(here + "librocketkv.so", { rkv_abi_version: { parameters: [], result: "i32" } }),
  "load another library": () => Deno.dlopen("/lib/x86_64-linux-gnu/libm.so.6", {}),
  "read a file": () => Deno.statSync("/"),
  "write a file": () => Deno.writeTextFileSync("x", ""),
  "write the program": () => Deno.writeTextFileSync(here + "main.js", ""),
  "connect": () => Deno.connect({ hostname: "127.0.0.1", port: 9 }),
  "run sh": () => new Deno.Command("/bin/sh", { args: ["-c", ":"] }).outputSync(),
  "read PATH": () => Deno.env.get("PATH"),
};
for (const [name, attempt] of Object.entries(tries)) {
  try {
    await attempt();
    console.log(name);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotCapable)) console.log(name);
  }
}
`;

Deno.test("generate may read files, load the library of the program and nothing else", async () => {
  assert.deepEqual(await withMain(PROBE, ["generate"]), ["load the library", "read a file"]);
});

Deno.test("pull may connect, and cannot change the program", async () => {
  assert.deepEqual(await withMain(PROBE, ["pull"]), ["load the library", "read a file", "connect"]);
});

Deno.test("the native modules of packages load with the permissions of commands that need them", async () => {
  const main = `
    import { createRequire } from "node:module";
    const require = createRequire(import.meta.url);
    const { Jieba } = require("@node-rs/jieba");
    const { dict } = require("@node-rs/jieba/dict.js");
    console.log(Jieba.withDict(dict).cut("我来到北京清华大学", true).join("/"));
    const { Resvg } = await import("@resvg/resvg-js");
    console.log(new Resvg('<svg xmlns="http://www.w3.org/2000/svg" width="3" height="2"/>').render().width);
  `;
  assert.deepEqual(await withMain(main, ["longbench"]), ["我/来到/北京/清华大学", "3"]);
});
