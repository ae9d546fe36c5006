/** scripts/gpu_check.py: on the emulator, and with stand-ins for a card, its driver and what runs on it. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));

interface Part {
  name: string;
  status: string;
  remark?: string;
  records?: Record<string, string | number>[];
  clocks?: Record<string, number[]>;
}

/** A folder of shell scripts that stand for programs, and one for results. */
class Bench implements AsyncDisposable {
  readonly folder = Deno.makeTempDirSync({ prefix: "rkv-gpu-check-" });
  readonly out = `${this.folder}/results`;

  program(name: string, script: string): this {
    Deno.writeTextFileSync(`${this.folder}/${name}`, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    return this;
  }

  command(...args: string[]): Deno.Command {
    const env = { PATH: `${this.folder}:${Deno.env.get("PATH")}`, LD_LIBRARY_PATH: this.folder };
    const all = ["scripts/gpu_check.py", "--logs", "build/emu/gpu_check", "--out", this.out, ...args];
    return new Deno.Command("python3", { args: all, cwd: root, env, stdout: "piped", stderr: "piped" });
  }

  async check(...args: string[]) {
    const { code, stdout, stderr } = await this.command(...args).output();
    const text = new TextDecoder().decode(stdout);
    return {
      code,
      errors: new TextDecoder().decode(stderr),
      parts: text.split("\n").filter((line) => /^PART/.test(line)),
    };
  }

  results(name: string): { parts: Part[]; [name: string]: unknown } {
    return JSON.parse(Deno.readTextFileSync(`${this.out}/${name}.json`));
  }
  part(name: string, result = "emulator"): Part {
    return this.results(result).parts.find((part) => part.name === name)!;
  }
  markdown(name = "emulator"): string {
    return Deno.readTextFileSync(`${this.out}/${name}.md`);
  }

  async [Symbol.asyncDispose]() {
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** For the emulated runs: make does nothing, nobody has a sanitizer. */
const bench = () => new Bench().program("make", "exit 0");
const passing = `echo "add adds ... ok (0 ms)"; echo "1 passed, 0 failed"`;

Deno.test("all parts run on the emulator, and none of its speeds is kept", async () => {
  await using b = bench();
  const { code, parts, errors } = await b.check("--emulated");
  assert.equal(code, 0, errors + parts.join("\n"));
  const left = parts.filter((line) => !/^PART [\w-]+: ok/.test(line));
  assert.deepEqual(left.map((line) => line.match(/^PART (\w+): left out/)?.[1]), ["memcheck", "racecheck", "cli"]);
  const text = Deno.readTextFileSync(`${b.out}/emulator.json`);
  assert.doesNotMatch(text, /[_"](ms|us)(_min|_max)?"|(gb|tokens|tflop)_per_s|"seconds"/);
  for (const { name, status, records } of b.results("emulator").parts) {
    assert(status === "left out" || name === "build" || records!.length > 0, name);
  }
  assert.match(b.markdown(), /^# emulator: emulated, no speed was measured$/m);
  assert.match(b.markdown(), /^\| bf16 \| 1 \| 160 \| rocketkv 48 \| - \| - \|/m);
});

Deno.test("a part that fails is named with its reason, has no numbers, and stops no other part", async () => {
  await using b = bench();
  b.program("gpu_tests", `echo "add adds ... FAILED: 1 instead of 2"; echo "3 passed, 1 failed"; exit 1`);
  b.program(
    "gpu_bench",
    `case $1 in
  compare) echo '{"kind":"compare","weights":"f32","kv":"bf16","method":"hsa","agrees":"no"}'; exit 1 ;;
  attention) echo '{"kind":"attend"}'; echo "Cannot go on: out of order" >&2; exit 1 ;;
  linear) echo not a record ;;
  *) echo '{"kind":"device","name":"a card"}' ;;
esac`,
  );
  const chosen = "kernels,compare,attention,linear,device,memcheck";
  const { code, parts } = await b.check("--emulated", "--programs", b.folder, "--parts", chosen);
  assert.equal(code, 1);
  assert.deepEqual(parts, [
    "PART device: ok",
    "PART kernels: FAILED 1 tests failed: add adds",
    "PART compare: FAILED the CPU disagrees: hsa with f32 weights, bf16 cache",
    "PART attention: FAILED exit code 1: Cannot go on: out of order",
    "PART memcheck: left out compute-sanitizer is not installed",
    "PART linear: FAILED it printed lines that are no records",
  ]);
  for (const name of ["kernels", "compare", "attention", "linear"]) {
    assert.equal(b.part(name).status, "failed");
    assert.deepEqual(b.part(name).records, []);
    assert.match(b.markdown(), new RegExp(`^\\| ${name} \\| \\*\\*FAILED\\*\\* \\|`, "m"));
  }
  assert.equal(b.part("prefill").status, "not run");
});

Deno.test("after a build that failed nothing is measured", async () => {
  await using b = bench().program("make", "echo 'error: no such kernel' >&2; exit 2").program("gpu_tests", passing);
  const { code, parts } = await b.check("--emulated", "--programs", b.folder, "--parts", "build,kernels");
  assert.equal(code, 1);
  assert.deepEqual(parts, [
    "PART build: FAILED exit code 2: error: no such kernel",
    "PART kernels: FAILED not run: the build failed",
  ]);
});

Deno.test("a part that takes too long is ended with all that it started", async () => {
  await using b = bench();
  b.program("gpu_tests", `sleep 300 & echo $! > ${b.folder}/child; wait`);
  const args = ["--emulated", "--programs", b.folder, "--parts", "kernels,small", "--seconds", "3.2"];
  const { code, parts } = await b.check(...args);
  assert.equal(code, 1);
  assert.deepEqual(parts, [
    "PART kernels: FAILED it took longer than 3 s",
    "PART small: FAILED not run: no time was left",
  ]);
  assertEnded(b);
});

Deno.test("a run that is told to end keeps what it has, and leaves nothing running", async () => {
  await using b = bench().program("gpu_bench", `echo '{"kind":"device","name":"a card"}'`);
  b.program(
    "gpu_tests",
    `sleep 300 & echo $! > ${b.folder}/child.tmp; mv ${b.folder}/child.tmp ${b.folder}/child; wait`,
  );
  const process = b.command("--emulated", "--programs", b.folder, "--parts", "device,kernels").spawn();
  const child = await Promise.race([process.status, exists(`${b.folder}/child`)]);
  assert.equal(child, true, "the tests were started");
  process.kill("SIGTERM");
  const { code, stderr } = await process.output();
  assert.equal(code, 1);
  assert.match(new TextDecoder().decode(stderr), /^Cannot go on: it was told to end$/m);
  assert.deepEqual(b.part("device").records, [{ kind: "device", name: "a card" }]);
  assert.equal(b.part("kernels").status, "not run");
  assertEnded(b);
});

async function exists(path: string): Promise<true> {
  while (true) {
    try {
      await Deno.stat(path);
      return true;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** The child of the stand-in for gpu_tests is no more, or a zombie that nobody has waited for. */
function assertEnded(b: Bench): void {
  const id = Deno.readTextFileSync(`${b.folder}/child`).trim();
  let state = "gone";
  try {
    state = Deno.readTextFileSync(`/proc/${id}/stat`).split(" ")[2]!;
  } catch (error) {
    assert(error instanceof Deno.errors.NotFound);
  }
  assert.match(state, /^(gone|Z|X)$/);
}

Deno.test("sanitizers say which tests they have seen, and what they have found", async () => {
  await using b = bench().program("gpu_tests", passing);
  b.program(
    "compute-sanitizer",
    `echo "========= COMPUTE-SANITIZER"
[ "$2" = racecheck ] && case "$*" in *"vote "*) echo "========= Error: Race reported between"; exit 86 ;; esac
while [ "\${1##*/}" != gpu_tests ]; do shift; done
"$@"`,
  );
  const args = ["--emulated", "--programs", b.folder, "--parts", "memcheck,racecheck"];
  const { code, parts } = await b.check(...args);
  assert.equal(code, 1);
  assert.deepEqual(parts, [
    "PART memcheck: ok 15 of 15 groups, 15 tests",
    "PART racecheck: FAILED vote: Error: Race reported between",
  ]);
  assert.match(b.markdown(), /^\| memcheck \| attend_prefill \| clean \| 1 \|$/m);
  const short = await b.check("--emulated", "--programs", b.folder, "--parts", "memcheck", "--seconds", "4");
  assert.deepEqual(short.parts, ["PART memcheck: FAILED no group of tests ended in time"]);
});

/** A driver with one card, or with none, and nvidia-smi beside it. */
async function installDriver(b: Bench, card: string | null): Promise<void> {
  const source = `#include <cstring>
extern "C" {
int cuInit(unsigned) { return ${card === null ? 100 : 0}; }
int cuDeviceGetCount(int* n) { *n = 1; return 0; }
int cuDeviceGetName(char* to, int size, int) { std::strncpy(to, "${card}", size); return 0; }
int cuDeviceGetAttribute(int* to, int what, int) { *to = what == 75 ? 9 : 0; return 0; }
}`;
  await Deno.writeTextFile(`${b.folder}/driver.cpp`, source);
  const args = ["-shared", "-fPIC", "-o", `${b.folder}/libcuda.so.1`, `${b.folder}/driver.cpp`];
  assert.equal((await new Deno.Command("g++", { args }).output()).code, 0);
  b.program(
    "nvidia-smi",
    `case "$*" in
  *-lms*) printf '1980, 2619, 400.5, 50, 97\\n345, 2619, 70, 30, 0\\n1755, 2619, 600, 60, 99\\n'; exec sleep 100 ;;
  *) echo "580.1, 1980, 2619, 700.00" ;;
esac`,
  );
}

const DECODE = (weights: string) => `
for round in 0 1; do
  for step in "4096 full 0 5.4" "131072 full 0 12" "131072 rocketkv 256 5" "131072 rocketkv 512 5" "131072 rocketkv 1024 6.5"; do
    set -- $step
    echo "{\\"kind\\":\\"decode\\",\\"weights\\":\\"${weights}\\",\\"context\\":$1,\\"method\\":\\"$2\\",\\"budget\\":$3,\\"batch\\":1,\\"round\\":$round,\\"step_ms\\":$4,\\"linear_ms\\":1,\\"select_ms\\":1,\\"attend_ms\\":1,\\"sample_ms\\":1,\\"weight_bytes\\":15010000000,\\"kv_read_bytes\\":536870912,\\"kv_bytes\\":536870912,\\"device_bytes_used\\":17000000000}"
  done
done`;

async function withCard(card: string): Promise<Bench> {
  const b = bench().program("gpu_tests", passing);
  b.program(
    "gpu_bench",
    `case "$*" in
  device*) echo '{"kind":"device","name":"${card}","arch":"sm_90","memory_bytes":80,"read_gb_per_s":3100,"copy_gb_per_s":3000}' ;;
  decode*bf16*)${DECODE("bf16")} ;;
esac
sleep 0.3`,
  );
  await installDriver(b, card);
  return b;
}

Deno.test("an H100 is measured against its bars, with its driver and the clocks while it was busy", async () => {
  await using b = await withCard("NVIDIA H100 80GB HBM3");
  const args = ["--programs", b.folder, "--commit", "0123456789abcdef"];
  const { code, parts, errors } = await b.check(...args, "--parts", "device,decode-bf16");
  assert.equal(code, 0, errors + parts.join("\n"));
  const name = "nvidia-h100-80gb-hbm3";
  const results = b.results(name);
  assert.equal(results["arch"], "sm_90");
  assert.equal(results["driver"], "580.1");
  assert.equal(results["emulated"], false);
  assert.deepEqual(b.part("decode-bf16", name).clocks!["sm_mhz"], [1755, 1867.5, 1980]);
  const markdown = b.markdown(name);
  assert.match(markdown, /^\| dense decode, bf16, 4K tokens, batch 1 \| >= 180 tokens\/s \| 185 tokens\/s \| met \|$/m);
  assert.match(markdown, /^\| the same, share of the measured bandwidth \| >= 81 % \| 92.9 % \| met \|$/m);
  assert.match(markdown, /^\| step gain, bf16, 128K .* \| >= 1.9 x \| 1.85 x \| not met \|$/m);
  assert.match(markdown, /^\| prefill, bf16, 32K tokens, rocketkv \| <= 2.2 s \| not measured \| - \|$/m);
  assert.match(markdown, /^\| bf16 \| 1 \| 131072 \| rocketkv 256 \| 5 \| 2.40 \|/m);
  assert.match(markdown, /\| 0123456789ab \|$/m);
  // Some parts again: the others stay.
  await b.check(...args, "--parts", "kernels");
  assert.deepEqual(
    b.results(name).parts.filter(({ status }) => status === "ok").map((part) => part.name),
    ["device", "kernels", "decode-bf16"],
  );
});

Deno.test("other cards have no bars", async () => {
  await using b = await withCard("NVIDIA A100-SXM4-40GB");
  assert.equal((await b.check("--programs", b.folder, "--parts", "device")).code, 0);
  assert.doesNotMatch(b.markdown("nvidia-a100-sxm4-40gb"), /Bars/);
});

Deno.test("without a card the script says so and writes nothing", async () => {
  await using b = bench();
  await installDriver(b, null);
  const { code, errors, parts } = await b.check();
  assert.equal(code, 1);
  assert.equal(errors, "Cannot check a GPU: the NVIDIA driver fails with CUDA error 100\n");
  assert.deepEqual(parts, []);
  await assert.rejects(Deno.stat(b.out), Deno.errors.NotFound);
});

Deno.test("nothing emulated gets among the measurements, and unknown parts are refused", async () => {
  await using b = bench();
  for (
    const [args, wanted] of [
      [["--emulated", "--out", "docs/results"], /expected --out outside docs\/results/],
      [["--emulated", "--out", "docs/../docs/results/new"], /expected --out outside docs\/results/],
      [["--parts", "device,devise"], /expected some of build, device, .*, found devise$/m],
    ] as const
  ) {
    const { code, errors } = await b.check(...args);
    assert.equal(code, 2);
    assert.match(errors, wanted);
  }
  const { code, stderr } = await new Deno.Command("python3", {
    args: ["scripts/gpu_check.py", "--emulated"],
    cwd: root,
  })
    .output();
  assert.equal(code, 2);
  assert.match(new TextDecoder().decode(stderr), /expected --out with a folder for the results, found none/);
});
