import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

const builds = fileURLToPath(new URL("../../build/emu/", import.meta.url));

type Build = "plain" | "asan" | "tsan";

async function run(build: Build, program: string, args: string[] = [], env: Record<string, string> = {}) {
  const command = new Deno.Command(`${builds}${build}/${program}`, { args, env, stdout: "piped", stderr: "piped" });
  const { code, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  return { code, text: decoder.decode(stdout) + decoder.decode(stderr) };
}

const anyBuild: Build[] = ["plain", "asan", "tsan"];
const nan = /a result is NaN/;
const race = /ThreadSanitizer: data race/;
const overflow = /AddressSanitizer: heap-buffer-overflow/;

/** What must be noticed of every kernel of faults.cu, and by which builds. */
const faults: Record<string, [builds: Build[], text: RegExp]> = {
  host_pointer: [anyBuild, /argument 1 of a launch is host memory/],
  missing_syncthreads: [["tsan"], race],
  missing_syncwarp: [["tsan"], race],
  all_write_one: [["tsan"], race],
  missing_second_syncthreads: [["tsan"], race],
  missing_threadfence: [["tsan"], race],
  shared_read_before_written: [anyBuild, nan],
  cp_async_read_before_wait: [anyBuild, nan],
  cp_async_wait_too_short: [anyBuild, nan],
  cp_async_never_waited_for: [anyBuild, /cp\.async copies that it never waited for/],
  cp_async_misaligned: [anyBuild, /cp\.async: the address \S+ is not aligned/],
  barrier_skipped_by_half: [anyBuild, /ended without the barrier at which others wait[^]*at barrier 0, faults\.cu/],
  two_barriers_at_once: [anyBuild, /threads of one block are at different barriers/],
  lane_missing_from_mask: [anyBuild, /mask 55555555 leaves it out/],
  lane_of_mask_never_comes: [
    anyBuild,
    /lane ended that others of its mask ffffffff wait for|names a lane that has ended/,
  ],
  lanes_at_different_collectives: [anyBuild, /lanes of the mask ffffffff are at different collectives/],
  deadlock: [anyBuild, /deadlock: every thread waits for another[^]*at barrier [12], faults\.cu/],
  shared_write_out_of_bounds: [["asan"], /out of bounds|AddressSanitizer/],
  global_write_out_of_bounds: [["asan"], overflow],
  global_read_out_of_bounds: [["asan"], overflow],
};

Deno.test("the emulator runs right kernels right, in any order and without false alarms", async (t) => {
  for (const build of anyBuild) {
    for (const seed of build === "plain" ? ["0", "1", "2", "3"] : ["0", "1"]) {
      await t.step(`${build} build, seed ${seed}`, async () => {
        const { code, text } = await run(build, "emu_tests", [], { EMU_SEED: seed, EMU_THREADS: "2" });
        assert.equal(code, 0, text);
        assert.match(text, /, 0 failed/);
      });
    }
  }
});

Deno.test("the emulator notices every planted mistake", async (t) => {
  const { text: list } = await run("plain", "emu_faults");
  assert.deepEqual(list.trim().split("\n").sort(), [...Object.keys(faults), "none"].sort());
  for (const [name, [noticing, wanted]] of Object.entries(faults)) {
    for (const build of noticing) {
      for (const seed of ["0", "5"]) {
        await t.step(`${name}, ${build} build, seed ${seed}`, async () => {
          const { code, text } = await run(build, "emu_faults", [name], { EMU_SEED: seed });
          assert.notEqual(code, 0, text);
          assert.match(text, wanted);
        });
      }
    }
  }
});

Deno.test("the emulator says nothing of a kernel without a mistake", async () => {
  for (const build of anyBuild) {
    assert.deepEqual(await run(build, "emu_faults", ["none"]), { code: 0, text: "none: nothing was noticed\n" });
  }
});
