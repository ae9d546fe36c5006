/** The tests of single CUDA kernels (test/gpu), run by the emulator in two orders of blocks, warps and lanes. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("../../build/emu/plain/gpu_tests", import.meta.url));

for (const seed of ["0", "7"]) {
  Deno.test(`CUDA kernels equal the CPU backend under the emulator, seed ${seed}`, async () => {
    const env = { EMU_SEED: seed, EMU_THREADS: "2" };
    const { code, stdout, stderr } = await new Deno.Command(program, { env, stdout: "piped", stderr: "piped" })
      .output();
    const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    assert.equal(code, 0, text);
    assert.match(text, /^[1-9]\d* passed, 0 failed$/m);
  });
}
