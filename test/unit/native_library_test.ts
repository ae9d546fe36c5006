import assert from "node:assert/strict";
import { chooseDevice } from "../../lib/engine/device.ts";
import { checkNative } from "../../lib/engine/diagnosis.ts";
import { RunError, UsageError } from "../../lib/error.ts";
import { ABI_VERSION, type Device, Library } from "../../lib/native/library.ts";

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

const cpu: Device = {
  index: 0,
  kind: "cpu",
  usable: true,
  threads: 2,
  memoryTotal: 2,
  memoryFree: 1,
  name: "c",
  arch: "a",
  detail: "",
};
const card = (index: number, usable: boolean): Device => ({
  ...cpu,
  index,
  kind: "cuda",
  usable,
  detail: usable ? "" : "no driver",
});

Deno.test("chooseDevice() takes the first usable card for auto, else the CPU", () => {
  assert.equal(chooseDevice([cpu, card(1, false), card(2, true)], "auto").index, 2);
  assert.equal(chooseDevice([cpu, card(1, false)], "auto").index, 0);
  assert.equal(chooseDevice([cpu, card(1, true), card(2, true)], "cuda:1").index, 2);
  assert.equal(chooseDevice([cpu, card(1, true)], "cpu").index, 0);
});

Deno.test("chooseDevice() says why a card cannot be used", () => {
  assert.throws(
    () => chooseDevice([cpu, card(1, false)], "cuda"),
    new RunError('Cannot use device "cuda": no driver: pass --device cpu'),
  );
  assert.throws(() => chooseDevice([cpu], "cuda:3"), new RunError('Cannot use device "cuda:3": found 0 CUDA devices'));
});

for (const name of ["gpu", "cpu:0", "cuda:", "cuda:x", "CUDA", ""]) {
  Deno.test(`chooseDevice() refuses the name "${name}"`, () => {
    assert.throws(
      () => chooseDevice([cpu], name),
      new UsageError(`Cannot use device "${name}": expected auto, cpu, cuda or cuda:<number>`),
    );
  });
}
