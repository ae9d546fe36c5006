/** The tests of single CUDA kernels (test/gpu), run by the emulator: in two orders of threads, and by the sanitizers. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

type Build = "plain" | "asan" | "tsan";

/** @returns What the tests whose names contain one of `filters` have to say; all tests without one. */
async function run(build: Build, seed: string, filters: string[] = []): Promise<string> {
  const program = fileURLToPath(new URL(`../../build/emu/${build}/gpu_tests`, import.meta.url));
  const env = { EMU_SEED: seed, EMU_THREADS: "2" };
  const command = new Deno.Command(program, { args: filters, env, stdout: "piped", stderr: "piped" });
  const { code, stdout, stderr } = await command.output();
  const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  assert.equal(code, 0, text);
  return text;
}

/** Blocks, warps and lanes come in order, or in the random order of a seed. */
for (const seed of ["0", "7"]) {
  Deno.test(`CUDA kernels equal the CPU backend under the emulator, seed ${seed}`, async () => {
    assert.match(await run("plain", seed), /^[1-9]\d* passed, 0 failed$/m);
  });
}

Deno.test("CUDA kernels keep to their memory: every test under AddressSanitizer and UBSan", async () => {
  assert.match(await run("asan", "7"), /^[1-9]\d* passed, 0 failed$/m);
});

/**
 * What only `make tsan` runs, as it would take longer than all the others: at a barrier ThreadSanitizer compares every
 * thread of a block with every other one, and these are for many sizes with blocks of 1024 threads, or very many launches.
 * Other tests, which are not left out, launch the same kernels.
 */
const long = [
  "keep_best breaks ties by position",
  "keep_best keeps what the CPU keeps",
  "launcher: parameters of very many launches",
  "launcher: what was staged for an op",
  "sample combines",
  "sample cuts",
  "sample draws",
  "sample gives equal logits",
  "sample never takes NaN",
  "sample takes -0",
  "score_keys ranks",
];

/** fn of every item, some at once: under ThreadSanitizer a program uses but one processor, and up to 2 GB. */
async function inParallel<T>(items: Iterable<T>, fn: (item: T) => Promise<unknown>): Promise<void> {
  const iterator = items[Symbol.iterator]();
  const work = async () => {
    for (let next = iterator.next(); !next.done; next = iterator.next()) await fn(next.value);
  };
  await Promise.all(Array.from({ length: Math.min(navigator.hardwareConcurrency, 4) }, work));
}

/** "linear of one token" and "linear: packed weights" are tests of linear. */
const opOf = (test: string): string => test.match(/^\w+/)![0];

Deno.test("CUDA kernels race for no memory: tests of every op under ThreadSanitizer", async (t) => {
  const all = (await run("tsan", "0", ["--list"])).trim().split("\n");
  const chosen = all.filter((test) => !long.some((start) => test.startsWith(start)));
  const ops = Map.groupBy(chosen, opOf);
  assert.deepEqual([...ops.keys()], [...Map.groupBy(all, opOf).keys()], "every op has tests left");
  for (const start of long) assert.ok(all.some((test) => test.startsWith(start)), `there is a test ${start}`);
  // Steps side by side cannot tell whose resources are open.
  const sanitizers = { sanitizeOps: false, sanitizeResources: false, sanitizeExit: false };
  // A program for every op: what ThreadSanitizer does grows with all threads that a program ever had.
  await inParallel(ops, ([name, tests]) =>
    t.step({
      name,
      ...sanitizers,
      async fn() {
        assert.match(await run("tsan", "7", tests), new RegExp(`^${tests.length} passed, 0 failed$`, "m"));
      },
    }));
});
