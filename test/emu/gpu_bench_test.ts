/** The driver of GPU measurements (test/gpu/bench), its device the emulator: every part runs, and says what it should. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));

type Measured = Record<string, string | number>;

async function drive(part: string, ...options: string[]) {
  const folder = await Deno.makeTempDir({ prefix: "rkv-bench-" });
  try {
    const args = [part, "device=1", "shape=tiny", `folder=${folder}`, ...options];
    const command = new Deno.Command("build/emu/plain/gpu_bench", {
      args,
      cwd: root,
      stdout: "piped",
      stderr: "piped",
    });
    const { code, stdout, stderr } = await command.output();
    assert.deepEqual([...Deno.readDirSync(folder)], [], "weights are removed");
    const lines = new TextDecoder().decode(stdout).split("\n").filter((line) => line !== "");
    return { code, errors: new TextDecoder().decode(stderr), records: lines.map((line): Measured => JSON.parse(line)) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Every record has these names, each with a number above zero. */
function assertMeasured(records: Measured[], ...names: string[]): void {
  for (const record of records) {
    for (const name of names) assert(Number(record[name]) > 0, `${name} of ${JSON.stringify(record)}`);
  }
}

const kinds = (records: Measured[]) => [...new Set(records.map(({ kind }) => kind))];

Deno.test("the device part reads and copies memory", async () => {
  const { records } = await drive("device", "log2_mib=2", "rounds=1");
  assert.equal(records.length, 1);
  assertMeasured(records, "memory_bytes", "read_gb_per_s", "copy_gb_per_s");
});

Deno.test("the compare part finds that a whole model keeps, selects and says what the CPU does", async () => {
  const { code, records } = await drive("compare", "weights=f32,q5_k", "methods=full,rocketkv");
  assert.equal(code, 0);
  assert.deepEqual(records.map(({ weights, kv, method, agrees }) => [weights, kv, method, agrees]), [
    ["f32", "f32", "full", "yes"],
    ["f32", "f32", "rocketkv", "yes"],
    ["f32", "bf16", "full", "yes"],
    ["f32", "bf16", "rocketkv", "yes"],
    ["q5_k", "bf16", "full", "yes"],
  ]);
  assertMeasured(records, "prefill_error", "decode_error", "positions");
});

Deno.test("the linear part times every projection for a step and for a prompt", async () => {
  const { records } = await drive("linear", "weights=q4_k", "decode=1,3", "prefill=20", "uncached_mib=1", "rounds=1");
  assert.deepEqual(
    records.map(({ use, n, rows, cols }) => `${use} ${n} ${rows}x${cols}`),
    ["256x256", "512x256", "256x512"].flatMap((size) =>
      ["decode 1", "decode 3", "prefill 20"].map((u) => `${u} ${size}`)
    ),
  );
  assertMeasured(records, "us", "gb_per_s", "tflop_per_s");
});

Deno.test("the attention part times attention, selection, eviction and prompts", async () => {
  const { records } = await drive("attention", "contexts=160", "chunk=64", "rounds=1", "uncached_mib=1");
  assert.deepEqual(kinds(records), ["attend", "select_attend", "evict", "attend_prefill"]);
  const of = (kind: string) => records.filter((record) => record["kind"] === kind);
  assertMeasured(of("attend"), "us", "gb_per_s");
  assertMeasured(of("select_attend"), "bounds_us", "select_us", "select_gb_per_s", "attend_us", "attend_gb_per_s");
  assertMeasured(of("evict"), "vote_us", "keep_best_us", "gather_us");
  assertMeasured(of("attend_prefill"), "us", "tflop_per_s");
});

Deno.test("the small part times what is left", async () => {
  const { records } = await drive("small", "n=1", "rounds=1");
  assert.equal(records.length, 7);
  assertMeasured(records, "us");
});

Deno.test("the decode part measures all methods in every round, and reads what the plan reads", async () => {
  const { records } = await drive("decode", "contexts=160", "steps=2", "rounds=2", "batches=1,2");
  const names = records.map(({ round, method, batch }) => `${round} ${method} ${batch}`);
  assert.deepEqual(
    names,
    [0, 1].flatMap((r) => ["full 1", "full 2", "rocketkv 1", "rocketkv 2"].map((m) => `${r} ${m}`)),
  );
  assertMeasured(records, "step_ms", "linear_ms", "weight_bytes", "kv_read_bytes", "kv_bytes", "device_bytes_used");
  const [full, fullTwice, ours] = records.map((record) => Number(record["kv_read_bytes"]));
  assert.equal(fullTwice, 2 * full!);
  assert(ours! < full! / 2, `${ours} of ${full} bytes`);
});

Deno.test("the prefill part measures methods with one budget in the order that was asked for", async () => {
  const { records } = await drive("prefill", "weights=q4_0", "contexts=160", "budget=48", "rounds=2");
  const names = records.map(({ method, round }) => `${method} ${round}`);
  assert.deepEqual(names, ["rocketkv 0", "rocketkv 1", "full 0", "full 1"]);
  assertMeasured(records, "ms", "tokens_per_s", "kv_bytes_peak", "work_bytes_peak");
});

Deno.test("what would end after the time that was given is left out and named", async () => {
  const decode = await drive("decode", "contexts=160,161", "steps=1", "rounds=1", "batches=1", "seconds=0");
  assert.equal(decode.code, 0);
  assert.deepEqual(decode.records.at(-1), {
    kind: "decode",
    weights: "bf16",
    context: 161,
    left_out: "no time was left",
  });
  const prefill = await drive("prefill", "contexts=160", "budget=48", "rounds=1", "seconds=0");
  assert(prefill.records.every(({ left_out, ms }) => left_out === "no time was left" && ms === undefined));
});

Deno.test("a mistake in the driver's arguments ends it with a line that says so", async () => {
  for (
    const [part, option, wanted] of [
      ["dekode", "rounds=1", /^Cannot run part "dekode": expected device, compare/],
      ["decode", "round=1", /^Cannot use an option: found "round"\n$/],
      ["decode", "rounds", /^Cannot use an argument: expected name=value, found "rounds"\n$/],
      ["decode", "weights=q9_0", /^Cannot use weights of type "q9_0"/],
      ["decode", "shape=huge", /^Cannot use shape "huge"/],
    ] as const
  ) {
    const { code, errors, records } = await drive(part, option);
    assert.equal(code, 1);
    assert.match(errors, wanted);
    assert.deepEqual(records, []);
  }
});
