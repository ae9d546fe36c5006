/** What the library says of CUDA devices, and what is made of it: the emulator pretends to be other machines. */
import assert from "node:assert/strict";
import { chooseDevice, deviceName } from "../../lib/engine/device.ts";
import { checkNative } from "../../lib/engine/diagnosis.ts";
import { Engine } from "../../lib/engine/engine.ts";
import { cudaWeightBytes, memoryNeed } from "../../lib/engine/memory.ts";
import { generateWorkload } from "../../lib/engine/workload.ts";
import { findMethod } from "../../lib/methods/registry.ts";
import type { NativeError } from "../../lib/native/error.ts";
import { CUDA_ERRORS, Emulator } from "../support/emulator.ts";
import { EMULATED, loadTiny, randomTokens } from "../support/native.ts";
import { tinyModel } from "../support/tiny_model.ts";

/** What doctor says of CUDA. */
function findings() {
  return checkNative(EMULATED.library).filter(({ name }) => name.startsWith("cuda"));
}

Deno.test("one usable device is described and is what auto takes", () => {
  using emulator = new Emulator();
  assert.deepEqual(findings(), [{
    name: "cuda:0",
    state: "ok",
    found: "CUDA emulator: sm_80, 4 multiprocessors, 8.0 GiB of 8.0 GiB free",
  }]);
  assert.equal(deviceName(chooseDevice(emulator.library, "auto").device), "cuda:0");
});

Deno.test("several devices are listed by their index", () => {
  using emulator = new Emulator();
  emulator.setMachine({ devices: 3 });
  assert.deepEqual(findings().map(({ name }) => name), ["cuda:0", "cuda:1", "cuda:2"]);
  assert.equal(chooseDevice(emulator.library, "cuda:2").device.index, 3);
});

/** Machines that cannot run CUDA, and the reason that is given. */
const UNUSABLE = [
  [{ driver: 0 }, "no NVIDIA driver is installed"],
  [{ driver: 12020 }, "the NVIDIA driver is too old: expected one for CUDA 13.0, found CUDA 12.2"],
  [{ devices: 0 }, "the NVIDIA driver sees no device"],
  [{ capability: 75 }, "compute capability must be at least 8.0: found 7.5"],
] as const;

for (const [machine, reason] of UNUSABLE) {
  Deno.test(`auto takes the CPU and doctor has a note where ${reason}`, async () => {
    using emulator = new Emulator();
    emulator.setMachine(machine);
    const [finding, ...rest] = findings();
    assert.equal(rest.length, 0);
    assert.equal(finding!.state, "note");
    assert(finding!.found.endsWith(reason), finding!.found);
    const { device, refused } = chooseDevice(emulator.library, "auto");
    assert.equal(device.kind, "cpu");
    assert.equal(refused.length, 1);
    assert(refused[0]!.endsWith(`: ${reason}`), refused[0]);
    await assert.rejects(loadTiny({}, EMULATED), (error: NativeError) => {
      assert.equal(error.status, "DEVICE");
      assert(error.message.includes(reason), error.message);
      return true;
    });
  });
}

Deno.test("a device without room for CUDA itself cannot be used, and says so", () => {
  using emulator = new Emulator();
  let calls = 0;
  do {
    emulator.failCall(++calls, CUDA_ERRORS.memoryAllocation);
  } while (emulator.library.device(1).detail !== "the device cannot be used: too little memory is free" && calls < 9);
  assert(calls < 9);
});

Deno.test("what does not fit on the device is refused before anything is loaded", async () => {
  using emulator = new Emulator();
  const path = Deno.makeTempFileSync({ suffix: ".gguf" });
  tinyModel().writeGguf(path);
  const prepared = await Engine.prepare({ model: path, device: "cuda", library: EMULATED.library });
  const workload = generateWorkload(prepared.source.config, 3000, {
    recipe: { method: findMethod("full"), budget: { kind: "tokens", tokens: 256 }, set: {} },
    newTokens: 100,
  });
  const { weightBytes, cacheBytes, workBytes } = memoryNeed(prepared.source, workload, "cuda");
  emulator.limitMemory(emulator.used() + weightBytes + cacheBytes + workBytes - 1);
  const scarce = await Engine.prepare({ model: path, device: "cuda", library: EMULATED.library });
  const before = emulator.used();
  await assert.rejects(Engine.load(scarce, { workload }), {
    name: "RunError",
    message:
      /^Cannot load .* on cuda:0: it needs .* \(weights .*, cache .* for 3100 tokens, activations .*\): free are /,
  });
  assert.equal(emulator.used(), before);
  emulator.reset();
  using engine = await Engine.load(await Engine.prepare({ model: path, device: "cuda", library: EMULATED.library }), {
    workload,
  });
  assert.equal(engine.device.kind, "cuda");
  Deno.removeSync(path);
});

Deno.test("the forecast of weights, cache and activations is close to what a run takes on the device", async () => {
  using emulator = new Emulator();
  const before = emulator.used();
  await using tiny = await loadTiny(
    { layers: 3, heads: 8, kvHeads: 4, headDim: 32, dim: 128, dtype: "bf16" },
    EMULATED,
  );
  const weights = emulator.used() - before;
  // Staging and rounding of small pieces come on top of the weights.
  const forecast = cudaWeightBytes(tiny.source.tensors);
  assert(weights >= forecast && weights < forecast + 2 ** 21, `${weights} bytes, forecast ${forecast}`);
  const recipe = { method: findMethod("full"), budget: { kind: "tokens", tokens: 256 }, set: {} } as const;
  const workload = generateWorkload(tiny.source.config, 2500, { recipe, newTokens: 1 });
  const session = tiny.session({ kvType: "bf16" });
  await session.prefill(randomTokens(2500, 1), { plan: workload.plans[0]! });
  const need = memoryNeed(tiny.source, workload, "cuda");
  const taken = emulator.used() - before - weights, wanted = need.cacheBytes + need.workBytes;
  assert(Math.abs(taken / wanted - 1) < 0.25, `${taken} bytes, forecast ${wanted}`);
});
