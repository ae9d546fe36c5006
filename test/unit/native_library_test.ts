import assert from "node:assert/strict";
import { checkNative } from "../../lib/engine/diagnosis.ts";
import { RunError } from "../../lib/error.ts";
import { ABI_VERSION, Library } from "../../lib/native/library.ts";

Deno.test("Library.open() says what to do when the file is missing", () => {
  assert.throws(
    () => Library.open("/no/such/librocketkv.so"),
    new RunError("Cannot load /no/such/librocketkv.so: no such file: build it with make"),
  );
});

/** What Library.open() throws in a process that may load anything, as `name: message`. */
async function openElsewhere(path: string): Promise<string> {
  const library = new URL("../../lib/native/library.ts", import.meta.url);
  const code = `const { Library } = await import("${library}");` +
    `try { Library.open("${path}") } catch (error) { console.log(error.name + ": " + error.message) }`;
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["eval", "--quiet", code] }).output();
  return new TextDecoder().decode(stdout).trimEnd();
}

Deno.test("Library.open() says why a file is no library", async () => {
  const path = Deno.makeTempFileSync({ suffix: ".so" });
  Deno.writeTextFileSync(path, "not a library");
  assert.match(await openElsewhere(path), /^RunError: Cannot load the library: .*: build it again with make$/);
  Deno.removeSync(path);
});

Deno.test("Library.open() refuses another ABI version and names both", async () => {
  const folder = Deno.makeTempDirSync();
  const path = `${folder}/other.so`;
  Deno.writeTextFileSync(`${folder}/other.c`, "int rkv_abi_version(void) { return 999; }");
  const built = await new Deno.Command("gcc", { args: ["-shared", "-fPIC", "-o", path, `${folder}/other.c`] }).output();
  assert(built.success);
  assert.equal(
    await openElsewhere(path),
    `RunError: Cannot use ${path}: expected ABI version ${ABI_VERSION}, found 999: rebuild it with make`,
  );
  Deno.removeSync(folder, { recursive: true });
});

Deno.test("checkNative() reports a library that is missing as broken", () => {
  assert.deepEqual(checkNative("/no/such/librocketkv.so").map(({ name, state }) => [name, state]), [[
    "library",
    "broken",
  ]]);
});

Deno.test("devices() begins with a usable CPU", () => {
  const [cpu] = Library.open().devices();
  assert.deepEqual([cpu!.index, cpu!.kind, cpu!.usable, cpu!.detail], [0, "cpu", true, ""]);
  assert(cpu!.threads >= 1 && cpu!.memoryTotal > cpu!.memoryFree && cpu!.memoryFree > 0 && cpu!.arch !== "");
});

Deno.test("bandwidth() measures at least what a slow disk could do", async () => {
  const rate = await Library.open().bandwidth(0, { threads: 1, bytes: 8 * 2 ** 20, rounds: 2 });
  assert(rate > 1e8 && rate < 1e13, `${rate} bytes/s`);
});

Deno.test("bandwidth() refuses a device that does not exist", async () => {
  await assert.rejects(Library.open().bandwidth(99), {
    name: "NativeError",
    message: /^Cannot measure the bandwidth of device 99: /,
  });
});
