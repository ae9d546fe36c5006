/** The first start of the one-file program: where it unpacks itself, and what can go wrong. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { emptyFolder, type Folder, namesIn, PROGRAM, run, spawn } from "./program.ts";

/** The folder of a program is named by its hash. */
const KEY = /^[0-9a-f]{32}$/;

function unpackedKeys(cache: string): string[] {
  return namesIn(cache).filter((name) => KEY.test(name));
}

function assertUnpacked(cache: string): void {
  const [key, lock, ...others] = namesIn(cache);
  assert.match(key ?? "nothing", KEY);
  assert.deepEqual([lock, others], [`${key}.lock`, []]);
  assert(Deno.statSync(`${cache}/${key}`).mode! % 0o100 === 0, "only its owner may look into it");
}

Deno.test("without an environment it unpacks into a folder of the user in /tmp", async () => {
  const place = `/tmp/rocketkv-${Deno.uid()}`;
  const before = namesIn(place);
  const { code, stdout, stderr } = await run(["--version"]);
  assert.deepEqual([code, stderr], [0, ""]);
  assert.match(stdout, /^rocketkv \d/);
  assert(unpackedKeys(place).length >= 1);
  for (const name of namesIn(place)) {
    if (!before.includes(name)) Deno.removeSync(`${place}/${name}`, { recursive: true });
  }
});

const PLACES: readonly (readonly [name: string, env: (folder: string) => Record<string, string>, place: string])[] = [
  ["XDG_CACHE_HOME", (f) => ({ XDG_CACHE_HOME: `${f}/xdg`, HOME: f, TMPDIR: f }), "xdg/rocketkv/program"],
  ["HOME", (f) => ({ HOME: f, TMPDIR: f }), ".cache/rocketkv/program"],
  ["TMPDIR", (f) => ({ TMPDIR: f, HOME: "relative" }), `rocketkv-${Deno.uid()}`],
];
for (const [name, env, place] of PLACES) {
  Deno.test(`it unpacks where ${name} says`, async () => {
    using folder = emptyFolder();
    const { code, stderr } = await run(["--version"], { env: env(folder.path) });
    assert.deepEqual([code, stderr], [0, ""]);
    assertUnpacked(`${folder.path}/${place}`);
  });
}

Deno.test("a relative ROCKETKV_CACHE is one of the current folder", async () => {
  using folder = emptyFolder();
  assert.equal(
    (await run(["--version"], { env: { ROCKETKV_CACHE: "here", HOME: folder.path }, cwd: folder.path })).code,
    0,
  );
  assertUnpacked(`${folder.path}/here`);
});

Deno.test("12 first starts at once all do their work, and unpack once", async () => {
  using folder = emptyFolder();
  const env = { ROCKETKV_CACHE: `${folder.path}/cache` };
  const outcomes = await Promise.all(Array.from({ length: 12 }, () => run(["methods"], { env })));
  const [first] = outcomes;
  assert.deepEqual([first!.code, first!.stderr], [0, ""]);
  for (const outcome of outcomes) assert.deepEqual(outcome, first);
  assertUnpacked(env.ROCKETKV_CACHE);
});

Deno.test("what a killed first start has left is cleared away by the next one", async () => {
  using folder = emptyFolder();
  const env = { ROCKETKV_CACHE: `${folder.path}/cache` };
  const child = spawn(["--version"], { env });
  while (!namesIn(env.ROCKETKV_CACHE).some((name) => name.endsWith(".tmp"))) await delay(1);
  child.kill("SIGKILL");
  await child.output();
  assert(namesIn(env.ROCKETKV_CACHE).some((name) => name.endsWith(".tmp")), "it was killed before it was done");
  assert.deepEqual(unpackedKeys(env.ROCKETKV_CACHE), []);
  assert.equal((await run(["--version"], { env })).code, 0);
  assertUnpacked(env.ROCKETKV_CACHE);
});

Deno.test("a folder that others may write to is not used", async () => {
  using folder = emptyFolder();
  for (const mode of [0o770, 0o777]) {
    Deno.chmodSync(folder.path, mode);
    const { code, stdout, stderr } = await run(["--version"], { env: { ROCKETKV_CACHE: folder.path } });
    assert.deepEqual([code, stdout], [1, ""]);
    assertOneLine(
      stderr,
      `Cannot unpack rocketkv: ${folder.path}: others may write to it: set ROCKETKV_CACHE to a folder`,
    );
    assert.deepEqual(namesIn(folder.path), []);
  }
});

Deno.test("a link in the place of the folder is not followed", async () => {
  using folder = emptyFolder();
  Deno.mkdirSync(`${folder.path}/target`);
  Deno.symlinkSync(`${folder.path}/target`, `${folder.path}/link`);
  const { code, stderr } = await run(["--version"], { env: { ROCKETKV_CACHE: `${folder.path}/link` } });
  assert.equal(code, 1);
  assertOneLine(stderr, `Cannot unpack rocketkv: ${folder.path}/link: it is not a folder: set`);
});

Deno.test("a place that cannot be a folder is refused in one line", async () => {
  using folder = emptyFolder();
  Deno.writeTextFileSync(`${folder.path}/file`, "");
  const cases = [["file", "it is not a folder"], ["file/below", "Not a directory"], ["a,b", "its path has a comma"]];
  for (const [name, reason] of cases) {
    const { code, stderr } = await run(["--version"], { env: { ROCKETKV_CACHE: `${folder.path}/${name}` } });
    assert.equal(code, 1);
    assertOneLine(stderr, `Cannot unpack rocketkv: ${folder.path}/${name}: ${reason}: set`);
  }
});

/** A copy of the program with one byte changed. */
function damagedProgram(folder: Folder, at: (bytes: Uint8Array) => number): string {
  const bytes = Deno.readFileSync(PROGRAM);
  const place = at(bytes);
  bytes[place] = bytes[place]! ^ 1;
  const path = `${folder.path}/damaged`;
  Deno.writeFileSync(path, bytes, { mode: 0o755 });
  return path;
}

/** Where the hash of a file stands in the program: the table that the files are compared with. */
function hashOffset(bytes: Uint8Array): number {
  const digest = createHash("sha256").update(Deno.readFileSync(Deno.execPath())).digest("hex");
  return Buffer.from(bytes.buffer).indexOf(digest);
}

const DAMAGES: readonly (readonly [what: string, at: (bytes: Uint8Array) => number])[] = [
  ["the middle of its files", (bytes) => bytes.length >> 1],
  ["the hash of one of them", hashOffset],
];
for (const [what, at] of DAMAGES) {
  Deno.test(`a program with one bit changed in ${what} is refused`, async () => {
    using folder = emptyFolder();
    const cache = `${folder.path}/cache`;
    const program = damagedProgram(folder, at);
    const { code, stdout, stderr } = await run(["--version"], { program, env: { ROCKETKV_CACHE: cache } });
    assert.deepEqual([code, stdout], [1, ""]);
    assertOneLine(stderr, "Cannot unpack rocketkv as it is damaged: ");
    assert.match(stderr, /: download it again\n$/);
    assert.deepEqual(namesIn(cache).filter((name) => !name.endsWith(".lock")), [], "nothing of it stays");
  });
}

function assertOneLine(stderr: string, beginning: string): void {
  assert(stderr.startsWith(beginning), stderr);
  assert.equal(stderr.indexOf("\n"), stderr.length - 1, stderr);
}

const delay = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
