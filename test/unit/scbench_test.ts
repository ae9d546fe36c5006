/** SCBench from files to sessions: all layouts give the same ones. */
import assert from "node:assert/strict";
import { openTask } from "../../lib/tasks/catalog.ts";
import { scbenchAverages, taskScore, turnMeans } from "../../lib/tasks/scbench/aggregate.ts";
import { NAMES } from "../../lib/tasks/scbench/tasks.ts";
import type { Json, Sample } from "../../lib/tasks/sample.ts";
import type { ModelText } from "../../lib/text/types.ts";
import { type DataFolder, dataFolder } from "../support/data_folder.ts";

async function open(folder: DataFolder, name: string, options: Record<string, Json> = {}) {
  const task = await openTask({ name: `scbench/${name}`, options: { data: folder.path, ...options } });
  const groups = await task.groups({ text: null as unknown as ModelText, length: null, seed: 0, count: 99 });
  const samples: Sample[] = (await Promise.all(groups.map((group) => group.make()))).flat();
  return { task, samples: samples.toSorted((a, b) => Number(a.key) - Number(b.key)) };
}

/** One task's only session. */
async function session(
  name: string,
  record: Record<string, unknown>,
  options: Record<string, Json> = {},
): Promise<Sample> {
  await using folder = await dataFolder();
  await folder.jsonl(`scbench_${name}.jsonl`, [record]);
  const { samples: [sample] } = await open(folder, name, options);
  return sample!;
}

const KV = [0, 1].map((i) => ({
  id: i,
  context: `{"k${i}": "v${i}", "l": "w"}`,
  multi_turns: [{ input: `Key: "k${i}"`, answer: `v${i}` }, { input: 'Key: "l"', answer: "w" }],
}));

Deno.test("JSONL, older names, parquet and Arrow folders give the same sessions", async () => {
  const layouts: [string, (folder: DataFolder) => Promise<void>][] = [
    ["scbench_kv.jsonl", (folder) => folder.jsonl("scbench_kv.jsonl", KV)],
    ["data/scbench_kv.jsonl", (folder) => folder.jsonl("data/scbench_kv.jsonl", KV)],
    ["multi_turn_kv.jsonl", (folder) => folder.jsonl("multi_turn_kv.jsonl", KV)],
    ["input instead of context", (folder) => {
      const older = KV.map(({ context, ...others }) => ({ ...others, input: context }));
      return folder.jsonl("scbench_kv.jsonl", older);
    }],
    ["parquet", (folder) => folder.parquet("scbench_kv/test-00000-of-00001.parquet", KV)],
    ["Arrow", (folder) => folder.arrow("scbench_kv", KV)],
  ];
  const all: Sample[][] = [];
  for (const [name, write] of layouts) {
    await using folder = await dataFolder();
    await write(folder);
    const { samples, task } = await open(folder, "kv");
    if (all.length > 0) assert.deepEqual(samples, all[0], name);
    all.push(samples);
    assert.deepEqual([task.dataMode, task.history, task.usesLength], ["native", "golden", false]);
  }
  const [first] = all[0]!;
  assert(first!.context.endsWith(`\n\n${KV[0]!.context}`));
  assert.deepEqual(first!.turns.map(({ question }) => question), ['\n\nKey: "k0"', '\n\nKey: "l"']);
  assert.deepEqual(first!.turns[0]!.scoring, { metric: "contains", references: ["v0"] });
  assert.deepEqual(first!.turns.map(({ golden, maxNewTokens }) => [golden, maxNewTokens]), [["v0", 150], ["w", 150]]);
});

Deno.test("KVzip's files have their prompts written out, and shortened forms are found by their size", async () => {
  await using folder = await dataFolder();
  const packed = KV.map(({ context, multi_turns }) => ({
    prompts: [`Find it.\n\n${context}`, ...multi_turns.map(({ input }) => input)],
    ground_truth: multi_turns.map(({ answer }) => answer),
  }));
  await folder.parquet("scbench_kv_tiny.parquet", packed);
  await assert.rejects(() => open(folder, "kv"), {
    name: "UsageError",
    message:
      `Cannot find scbench/kv of size full in ${folder.path}: expected scbench_kv, found size tiny: pass --size tiny`,
  });
  const { task, samples: [sample] } = await open(folder, "kv", { size: "tiny" });
  assert.equal(sample!.context, `Find it.\n\n${KV[0]!.context}`);
  assert.deepEqual(sample!.turns.map(({ scoring }) => scoring.references), [["v0"], ["w"]]);
  assert.deepEqual([task.dataMode, task.spec.options.promptPack], ["official", "prerendered"]);
  await assert.rejects(() => open(folder, "vt"), /Cannot find scbench_vt in .*microsoft\/SCBench/);
});

Deno.test("modes, histories and the number of turns are options, and part of the cell", async () => {
  await using folder = await dataFolder();
  await folder.jsonl("scbench_kv.jsonl", KV);
  const of = async (options: Record<string, Json>) => (await open(folder, "kv", options)).task;
  assert.equal((await of({ mode: "multi-request" })).history, "requests");
  assert.equal((await of({ history: "own" })).history, "own");
  await assert.rejects(
    () => of({ mode: "multi-request", history: "golden" }),
    /"history" of task .* must be left out with "mode" multi-request: requests see no turns before them: found "golden"$/,
  );
  const { samples, task } = await open(folder, "kv", { turns: 1 });
  assert.deepEqual(samples.map(({ turns }) => turns.length), [1, 1]);
  assert.deepEqual(task.spec.options, {
    ...{ promptPack: "rocketkv-1", size: "full", mode: "multi-turn", history: "golden", turns: 1 },
  });
  await assert.rejects(() => of({ turns: 0 }), /"turns" of task "scbench\/kv" as it must be an integer >= 1: found 0/);
  await assert.rejects(() => of({ mode: "both" }), /"mode" .* one of multi-turn, multi-request: found "both"/);
});

Deno.test("choices have the option's text and letter as references, whichever the file has", async () => {
  const options = ["Rome", "Paris", "Oslo", "Bonn"];
  const turn = { input: "Where?", options };
  const sample = await session("choice_eng", {
    context: "Once.",
    multi_turns: [{ ...turn, answer: "Paris" }, { ...turn, answer: "C" }, { ...turn, answer: ["Bonn", "D"] }],
  });
  assert.deepEqual(sample.turns.map(({ scoring }) => scoring.references), [["Paris", "B"], ["Oslo", "C"], [
    "Bonn",
    "D",
  ]]);
  assert.equal(sample.turns[0]!.question, "\n\nQuestion: Where?\nA. Rome\nB. Paris\nC. Oslo\nD. Bonn");
  assert.deepEqual(sample.turns.map(({ golden }) => golden), [" B", " C", " D"]);
  const bad = { context: "x", multi_turns: [{ ...turn, answer: "London" }] };
  await assert.rejects(
    () => session("choice_eng", bad),
    /line 1: answers must be one of the "options" .*: found "London"/,
  );
  const few = { context: "x", multi_turns: [{ input: "y", answer: "A", options: ["a"] }] };
  await assert.rejects(() => session("choice_eng", few), /line 1: every turn must have four "options": found 1/);
});

Deno.test("lists and objects of contexts are written as Python does, and mf's statements become questions", async () => {
  const mf = await session("mf", {
    context: [3, 1, 2],
    multi_turns: [{ input: "The 2nd largest number is", answer: 2 }],
  });
  assert(mf.context.endsWith("\n\n[3, 1, 2]"));
  assert.deepEqual(mf.turns[0], {
    question: "\n\nWhat is the 2nd largest number?",
    answerPrefix: "The 2nd largest number is",
    maxNewTokens: 5,
    scoring: { metric: "first_number", references: ["2"] },
    golden: " 2",
  });
  const dictionary = { "it's": "a\"b'", n: null };
  const prefix = await session("prefix_suffix", { context: dictionary, multi_turns: [{ input: "?", answer: "x" }] });
  assert.equal(prefix.context, `{"it's": 'a"b\\'', 'n': None}`);
});

Deno.test("tasks that mix say of every turn what it is; functions are compared within their repository", async () => {
  const turn = (task: string, answer: unknown, name?: string) => ({ task, input: "?", answer, ...(name && { name }) });
  await using folder = await dataFolder();
  await folder.jsonl("scbench_repoqa_and_kv.jsonl", [
    { repo: "a", context: "c", multi_turns: [turn("scbench_repoqa", "def f", "f"), turn("scbench_kv", "v")] },
    { repo: "a", context: "c", multi_turns: [turn("scbench_repoqa", "def g", "g")] },
    { repo: "b", context: "c", multi_turns: [turn("scbench_repoqa", "def h", "h")] },
  ]);
  const { samples } = await open(folder, "repoqa_and_kv");
  const [first] = samples;
  assert.deepEqual(first!.turns.map(({ subtask, maxNewTokens, scoring }) => [subtask, maxNewTokens, scoring.metric]), [
    ["repoqa", 1024, "repoqa"],
    ["kv", 80, "contains"],
  ]);
  assert.deepEqual(first!.turns[0]!.scoring.details, { name: "f", functions: { f: "def f", g: "def g" } });
  assert.deepEqual(samples[2]!.turns[0]!.scoring.details, { name: "h", functions: { h: "def h" } });
  const summary = await session("summary_with_needles", {
    context: "c",
    multi_turns: [turn("scbench_summary", "text"), turn("scbench_passkey", 12345)],
  });
  assert.deepEqual(summary.turns.map(({ maxNewTokens, scoring }) => [maxNewTokens, scoring.references]), [
    [800, ["text"]],
    [15, ["12345"]],
  ]);
  const bad = { context: "c", multi_turns: [turn("scbench_vt", "x")] };
  await assert.rejects(
    () => session("repoqa_and_kv", bad),
    /line 1, multi_turns\[0\]: "task" must be one of scbench_repoqa, scbench_kv: found "scbench_vt"/,
  );
});

Deno.test("answers may be one text or a list, and Chinese ones remember which", async () => {
  const turns = (answer: unknown) => ({ context: "c", multi_turns: [{ input: "?", answer }] });
  assert.deepEqual((await session("vt", turns(["A", "B"]))).turns[0]!.golden, "A, B");
  assert.deepEqual((await session("qa_chn", turns("北京"))).turns[0]!.scoring.details, { text: true });
  assert.deepEqual((await session("qa_chn", turns(["北京"]))).turns[0]!.scoring, {
    metric: "characters_f1",
    references: ["北京"],
  });
  await assert.rejects(
    () => session("vt", turns([])),
    /multi_turns\[0\]: "answer" must be a text, a number, or a list of them: found \[\]/,
  );
  await assert.rejects(
    () => session("vt", turns({})),
    /"answer" must be a text, a number, or a list of them: found \{\}/,
  );
  await assert.rejects(() => session("mf", turns("many")), /line 1: answers must be numbers: found many/);
  await assert.rejects(() => session("repoqa", turns("def f")), /line 1: every turn must have the function's "name"/);
  await assert.rejects(
    () => session("vt", { multi_turns: [] }),
    /line 1: "multi_turns" must be a list with at least one turn/,
  );
  const none = { multi_turns: [{ input: "?", answer: "x" }] };
  await assert.rejects(() => session("vt", none), /line 1: "context" is missing/);
});

Deno.test("a task's score is a mean over turns, and RocketKV's average divides twelve tasks by eleven", () => {
  const scores = [{ turn: 0, score: 1 }, { turn: 0, score: 0 }, { turn: 1, score: 1 }];
  assert.deepEqual(turnMeans("kv", scores).map(({ mean, answers }) => [mean, answers]), [[0.5, 2], [1, 1]]);
  assert.equal(taskScore("kv", scores, "official"), 0.75);
  const mixed = [{ turn: 0, subtask: "kv", score: 1 }, { turn: 1, subtask: "repoqa", score: 1 }];
  assert.equal(taskScore("repoqa_and_kv", mixed, "official"), 0.5); // repoqa of turn 0 and kv of turn 1 count as 0
  assert.equal(taskScore("repoqa_and_kv", mixed, "fixed"), 1);
  assert.equal(taskScore("kv", [], "official"), null);

  const all = new Map(NAMES.map((name) => [name, 0.5]));
  assert.deepEqual(scbenchAverages(all), [
    { name: "mean of tasks", value: 0.5, lacks: [] },
    { name: "RocketKV's sum / 11", value: 6 / 11, lacks: [] },
  ]);
  all.delete("vt");
  assert.deepEqual(scbenchAverages(all).map(({ value, lacks }) => [value, lacks]), [[0.5, ["vt"]], [null, ["vt"]]]);
});
