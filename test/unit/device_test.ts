import assert from "node:assert/strict";
import { deviceLine } from "../../cli/open_engine.ts";
import { chooseDevice, deviceName } from "../../lib/engine/device.ts";
import { describeDevice } from "../../lib/engine/diagnosis.ts";
import { RunError, UsageError } from "../../lib/error.ts";
import { card, CPU, GIB, machine, noCuda, oldCard } from "../support/devices.ts";

Deno.test("chooseDevice() takes the first usable CUDA device for auto", () => {
  assert.equal(deviceName(chooseDevice(machine(oldCard(0), card(1), card(2)), "auto").device), "cuda:1");
});

Deno.test("chooseDevice() takes the CPU for auto when no CUDA device is usable, and says why", () => {
  assert.deepEqual(chooseDevice(machine(oldCard(0), card(1, { usable: false, detail: "no" })), "auto"), {
    device: CPU,
    refused: ["cuda:0: compute capability must be at least 8.0: found 7.5", "cuda:1: no"],
  });
  assert.deepEqual(chooseDevice(machine(noCuda("no driver")), "auto").refused, ["CUDA: no driver"]);
});

Deno.test("chooseDevice() describes no device that it need not: a CUDA device takes memory for it", () => {
  for (const [name, wanted] of [["cpu", [0]], ["auto", [1]], ["cuda", [1]], ["cuda:1", [2]]] as const) {
    const list = machine(card(0), card(1));
    assert.equal(chooseDevice(list, name).device.index, wanted[0]);
    assert.deepEqual(list.described, wanted, name);
  }
});

Deno.test("chooseDevice() says why a CUDA device cannot be used", () => {
  const driver = "the NVIDIA driver is too old: expected one for CUDA 13.0, found CUDA 12.2";
  for (const name of ["cuda", "cuda:0", "cuda:3"]) {
    assert.throws(
      () => chooseDevice(machine(noCuda(driver)), name),
      new RunError(`Cannot use device "${name}": ${driver}: pass --device cpu`),
    );
  }
  assert.throws(
    () => chooseDevice(machine(card(0), card(1)), "cuda:2"),
    new RunError('Cannot use device "cuda:2": found 2 CUDA devices'),
  );
});

for (const name of ["gpu", "cpu:0", "cuda:", "cuda:x", "CUDA", ""]) {
  Deno.test(`chooseDevice() refuses the name "${name}"`, () => {
    assert.throws(
      () => chooseDevice(machine(), name),
      new UsageError(`Cannot use device "${name}": expected auto, cpu, cuda or cuda:<number>`),
    );
  });
}

Deno.test("the start line names the CUDA device and its memory, or why the CPU was taken", () => {
  const line = (name: string, ...cards: Parameters<typeof machine>) =>
    deviceLine(chooseDevice(machine(...cards), name));
  assert.equal(line("auto", card(0)), "Running on cuda:0: Example GPU, sm_90, 15.0 GiB of 24.0 GiB free");
  assert.equal(line("auto", noCuda("no driver")), "Running on the CPU, not on CUDA: no driver");
  assert.equal(line("cpu", card(0)), "");
});

Deno.test("doctor lists every device with its index, name, arch and memory, or why it cannot be used", () => {
  const lines = [
    CPU,
    card(0),
    card(1, { memoryFree: GIB / 2 }),
    oldCard(2),
    noCuda("no NVIDIA driver is installed"),
    { ...CPU, usable: false, detail: "this processor lacks AVX2" },
  ].map(describeDevice);
  assert.deepEqual(lines.map(({ name, state, found }) => [name, state, found]), [
    ["cpu", "ok", "Example CPU: avx2, 2 threads, 8.0 GiB of 16.0 GiB free"],
    ["cuda:0", "ok", "Example GPU: sm_90, 100 multiprocessors, 15.0 GiB of 24.0 GiB free"],
    ["cuda:1", "note", "Example GPU: sm_90, 100 multiprocessors, 512 MiB of 24.0 GiB free"],
    ["cuda:2", "note", "Example GPU: sm_75: compute capability must be at least 8.0: found 7.5"],
    ["cuda", "note", "no NVIDIA driver is installed"],
    ["cpu", "broken", "this processor lacks AVX2"],
  ]);
  assert.match(lines[2]!.advice!, /^Too little memory/);
});
