/** LongBench from files to samples: all layouts give the same ones. */
import assert from "node:assert/strict";
import { openTask } from "../../lib/tasks/catalog.ts";
import { bucketAverages, longbenchAverages } from "../../lib/tasks/longbench/aggregate.ts";
import { PROMPTS } from "../../lib/tasks/longbench/prompts.ts";
import { ENGLISH, NAMES, TASKS } from "../../lib/tasks/longbench/tasks.ts";
import { splitTemplate } from "../../lib/tasks/longbench/template.ts";
import type { Json, Sample } from "../../lib/tasks/sample.ts";
import type { ModelText } from "../../lib/text/types.ts";
import { type DataFolder, dataFolder } from "../support/data_folder.ts";

const record = (i: number, more: Record<string, unknown> = {}) => ({
  input: `Who ${i}?`,
  context: `Passage 1:\nSomebody {${i}} did.\n\n`,
  answers: [`Mr ${i}`, "nobody"],
  length: 3999 + i,
  dataset: "hotpotqa",
  language: "en",
  all_classes: null,
  _id: `id${i}`,
  ...more,
});
const RECORDS = [0, 1, 2].map((i) => record(i));

async function samples(folder: DataFolder, name: string, options: Record<string, Json> = {}, count = 99, seed = 0) {
  const task = await openTask({ name: `longbench/${name}`, options: { data: folder.path, ...options } });
  const groups = await task.groups({ text: null as unknown as ModelText, length: null, seed, count });
  const made = (await Promise.all(groups.map((group) => group.make()))).flat();
  assert.deepEqual(groups.flatMap(({ keys }) => keys), made.map(({ key }) => key));
  return { task, samples: made.toSorted((a, b) => Number(a.key) - Number(b.key)), order: made.map(({ key }) => key) };
}

const promptOf = ({ context, turns: [turn] }: Sample) => context + turn!.question + turn!.answerPrefix;

Deno.test("JSONL, parquet and Arrow folders give the same samples, wherever they lie", async () => {
  const layouts: [string, (folder: DataFolder) => Promise<void>][] = [
    ["hotpotqa.jsonl", (folder) => folder.jsonl("hotpotqa.jsonl", RECORDS)],
    ["data/hotpotqa.jsonl", (folder) => folder.jsonl("data/hotpotqa.jsonl", RECORDS)],
    ["hotpotqa.json", (folder) => folder.write("hotpotqa.json", RECORDS)],
    ["hotpotqa.parquet", (folder) => folder.parquet("hotpotqa.parquet", RECORDS)],
    [
      "hotpotqa/test-00000-of-00001.parquet",
      (folder) => folder.parquet("hotpotqa/test-00000-of-00001.parquet", RECORDS),
    ],
    ["hotpotqa of save_to_disk", (folder) => folder.arrow("hotpotqa", RECORDS)],
  ];
  const all: Sample[][] = [];
  for (const [name, write] of layouts) {
    await using folder = await dataFolder();
    await write(folder);
    const found = (await samples(folder, "hotpotqa")).samples;
    if (all.length > 0) assert.deepEqual(found, all[0], name);
    all.push(found);
  }
  await using folder = await dataFolder();
  await folder.parquet("hotpotqa/test-00000-of-00002.parquet", RECORDS.slice(0, 2));
  await folder.parquet("hotpotqa/test-00001-of-00002.parquet", RECORDS.slice(2));
  await folder.parquet("hotpotqa/train-00000-of-00001.parquet", [record(7)]);
  assert.deepEqual((await samples(folder, "hotpotqa")).samples, all[0]);

  const [first] = all[0]!;
  assert.equal(first!.chat, "model");
  assert.deepEqual(first!.about, { id: "id0" });
  assert.deepEqual(first!.turns[0]!.scoring, {
    metric: "qa_f1",
    references: ["Mr 0", "nobody"],
    details: { words: 3999 },
  });
  assert.equal(first!.turns[0]!.maxNewTokens, 32);
  assert(first!.context.includes("Somebody {0} did."));
  assert.equal(first!.turns[0]!.question, "\n\nQuestion: Who 0?");
});

Deno.test("official prompts are rendered as str.format does it, and split where the question begins", async () => {
  await using folder = await dataFolder();
  await folder.jsonl("hotpotqa.jsonl", RECORDS);
  const format = "Answer.\n\nPassages {{all}}:\n{context}\n\nAnswer shortly.\n\nQuestion: {input}\nAnswer:";
  await folder.write("dataset2prompt.json", { hotpotqa: format });
  await folder.write("dataset2maxlen.json", { hotpotqa: 17 });
  const files = { prompts: `${folder.path}/dataset2prompt.json`, maxlen: `${folder.path}/dataset2maxlen.json` };
  const { task, samples: [sample] } = await samples(folder, "hotpotqa", files);
  assert.equal(
    promptOf(sample!),
    `Answer.\n\nPassages {all}:\n${RECORDS[0]!.context}\n\nAnswer shortly.\n\nQuestion: Who 0?\nAnswer:`,
  );
  assert.equal(sample!.turns[0]!.question, "\n\nQuestion: Who 0?\nAnswer:");
  assert.equal(sample!.turns[0]!.maxNewTokens, 17);
  assert.equal(task.dataMode, "official");
  assert.equal(task.tokenise, "whole");
  const native = await samples(folder, "hotpotqa");
  assert.equal(native.task.dataMode, "native");
  assert.notDeepEqual(native.task.spec, task.spec);
  assert(!JSON.stringify(task.spec).includes(folder.path), "where files lie is no part of a cell");
});

Deno.test("templates without a question, with one on the same line, and with foreign fields", () => {
  const split = (format: string) => splitTemplate(format, "x");
  assert.deepEqual(split("Report:\n{context}\n\nSummarise.\n\nSummary:"), {
    context: "Report:\n{context}",
    question: "\n\nSummarise.\n\nSummary:",
    answerPrefix: "",
  });
  assert.deepEqual(split("Code.\n{context}{input}Next:\n"), {
    context: "Code.\n{context}",
    question: "{input}Next:\n",
    answerPrefix: "",
  });
  assert.deepEqual(split("Types.\n{context}\n{input}"), {
    context: "Types.\n{context}",
    question: "\n{input}",
    answerPrefix: "",
  });
  assert.throws(
    () => split("{input}\n{context}"),
    /^UsageError: Cannot use x: expected \{context\}, then \{input\} or nothing, found \{input\}, \{context\}$/,
  );
  assert.throws(() => split("{context} {question}"), /expected \{context\} and \{input\}, found \{question\}/);
});

Deno.test("prompts that are written out in the file are taken as they are", async () => {
  await using folder = await dataFolder();
  const rows = RECORDS.map(({ context, answers, length }, i) => ({
    context: `Answer.\n${context}`,
    question: `Question: Who ${i}?\n`,
    answer_prefix: "Answer:",
    answers,
    all_classes: null,
    length,
    max_new_tokens: 52,
    task: "hotpotqa",
  }));
  await folder.parquet("hotpotqa/test-00000-of-00001.parquet", rows);
  const { task, samples: [sample] } = await samples(folder, "hotpotqa");
  assert.equal(promptOf(sample!), `Answer.\n${RECORDS[0]!.context}Question: Who 0?\nAnswer:`);
  assert.equal(sample!.turns[0]!.answerPrefix, "Answer:");
  assert.equal(sample!.turns[0]!.maxNewTokens, 52);
  assert.equal(task.dataMode, "official");
  assert.equal(task.spec.options.promptPack, "prerendered");
});

Deno.test("few-shot and code tasks have no chat template, and score what their metric needs", async () => {
  await using folder = await dataFolder();
  await folder.jsonl("trec.jsonl", [record(0, { all_classes: ["Human", "Place"], answers: ["Human"] })]);
  await folder.jsonl("samsum.jsonl", [record(0)]);
  await folder.jsonl("lcc_e.jsonl", [record(0, { input: "" })]);
  const trec = (await samples(folder, "trec")).samples[0]!, samsum = (await samples(folder, "samsum")).samples[0]!;
  assert.equal(trec.chat, "raw");
  assert.deepEqual(trec.turns[0]!.scoring.details, { classes: ["Human", "Place"], firstLine: true, words: 3999 });
  assert.deepEqual(samsum.turns[0]!.stop, ["\n"]);
  assert.deepEqual(samsum.turns[0]!.scoring.details, { recursionLimit: 1000, firstLine: true, words: 3999 });
  const { samples: [lcc], task } = await samples(folder, "lcc_e", { codeSimilarity: "difflib", recursionLimit: 900 });
  assert.equal(lcc!.turns[0]!.question, "Next line of code:\n");
  assert.deepEqual(lcc!.turns[0]!.scoring.details, { codeSimilarity: "difflib", words: 3999 });
  assert.deepEqual(task.spec.options, { promptPack: "rocketkv-1", newTokens: 64, codeSimilarity: "difflib" });
});

Deno.test("every task has a prompt, and a seed decides which records come first", async () => {
  assert.equal(ENGLISH.length, 16);
  assert.equal(NAMES.length, 21 + 13);
  assert.deepEqual(Object.keys(PROMPTS), Object.keys(TASKS));
  for (const [name, { context, question }] of Object.entries(PROMPTS)) {
    assert(context.includes("{context}"), name);
    assert(!question.includes("{context}"), name);
  }
  await using folder = await dataFolder();
  await folder.jsonl("hotpotqa.jsonl", Array.from({ length: 20 }, (_, i) => record(i)));
  const orders = await Promise.all([0, 1].map(async (seed) => (await samples(folder, "hotpotqa", {}, 20, seed)).order));
  assert.notDeepEqual(orders[0], orders[1]);
  for (const [seed, order] of orders.entries()) {
    assert.deepEqual(order.toSorted((a, b) => Number(a) - Number(b)), Array.from({ length: 20 }, (_, i) => `${i}`));
    assert.deepEqual((await samples(folder, "hotpotqa", {}, 5, seed)).order, order.slice(0, 5));
  }
});

Deno.test("missing and bad files are refused in one line that says what is wanted", async () => {
  await using folder = await dataFolder();
  const refused = (name: string, wanted: RegExp, options: Record<string, Json> = {}) =>
    assert.rejects(() => samples(folder, name, options), (error: Error) => {
      assert.equal(error.name, "UsageError");
      assert.match(error.message, wanted);
      assert(!error.message.includes("\n"));
      return true;
    });
  await refused(
    "qasper",
    /^Cannot find qasper in .*: expected qasper\.jsonl, qasper\.parquet, .*; it is in data\.zip of the data set THUDM\/LongBench$/,
  );
  await folder.jsonl("hotpotqa.jsonl", [record(0), record(1, { answers: "Mr 1" })]);
  await refused("hotpotqa", /hotpotqa\.jsonl, line 2: "answers" must be a list of texts: found "Mr 1"$/);
  await folder.jsonl("hotpotqa.jsonl", [record(0, { answers: [] })]);
  await refused("hotpotqa", /line 1: "answers" must be a list with at least one text: found \[\]$/);
  await folder.jsonl("hotpotqa.jsonl", [record(0, { context: undefined })]);
  await refused("hotpotqa", /line 1: "context" is missing$/);
  await folder.jsonl("trec.jsonl", [record(0)]);
  await refused("trec", /line 1: "all_classes" is missing$/);
  await refused("trec", /Cannot use option "promts" of task "longbench\/trec": did you mean "prompts"\?/, {
    promts: "x",
  });
  await folder.write("p.json", { qasper: "{context}" });
  await refused("trec", /p\.json: expected a text "trec", found undefined/, { prompts: `${folder.path}/p.json` });
  await folder.write("m.json", { trec: "many" });
  await refused("trec", /m\.json: expected a whole number above 0 as "trec", found "many"/, {
    maxlen: `${folder.path}/m.json`,
  });
});

Deno.test("averages are those of the paper, of RocketKV and of everybody else, and say what they lack", () => {
  const scores = new Map(ENGLISH.map((task, i) => [task, i / 100]));
  scores.set("dureader", 1);
  const averages = longbenchAverages(scores);
  assert.deepEqual(averages.map(({ name, lacks }) => [name, lacks.length]), [
    ...["single-document QA", "multi-document QA", "summaries", "few-shot", "synthetic", "code"].map((
      name,
    ) => [name, 0]),
    ["six categories", 0],
    ["15 data sets", 0],
    ["16 data sets", 0],
  ]);
  const value = (name: string) => averages.find((one) => one.name === name)!.value!;
  const close = (found: number, wanted: number) =>
    assert(Math.abs(found - wanted) < 1e-12, `${found} is not ${wanted}`);
  // Order: 0 1 2 | 3 4 5 | 6 7 8 | 9 10 11 | 12 13 | 14 15
  close(value("six categories"), (1 + 4 + 7 + 10 + 12.5 + 14.5) / 6 / 100);
  close(value("16 data sets"), 0.075);
  close(value("15 data sets"), (120 - 12) / 15 / 100);
  scores.delete("musique");
  const partial = longbenchAverages(scores);
  assert.deepEqual(partial.filter(({ lacks }) => lacks.length > 0).map(({ name }) => name), [
    "multi-document QA",
    "six categories",
    "15 data sets",
    "16 data sets",
  ]);
  assert.equal(longbenchAverages(new Map())[0]!.value, null);
});

Deno.test("LongBench-E is averaged by buckets of words, every task alike", () => {
  const of = (task: string, words: number, score: number) => ({ task, words, score });
  const averages = bucketAverages([
    ...[of("trec_e", 3999, 1), of("lcc_e", 0, 0), of("lcc_e", 100, 0)],
    ...[of("trec_e", 4000, 1), of("trec_e", 7999, 0), of("lcc_e", 8000, 1)],
  ]);
  assert.deepEqual(averages.map(({ name, value, lacks }) => [name, value, lacks.length]), [
    ["0-4k", 0.5, 11],
    ["4-8k", 0.5, 12],
    ["8k+", 1, 12],
  ]);
});
