/** Files of RULER's own programs in all their layouts become the same samples. */
import assert from "node:assert/strict";
import { buildableTasks, buildData } from "../../lib/tasks/build_data.ts";
import { openTask } from "../../lib/tasks/catalog.ts";
import { splitInput } from "../../lib/tasks/ruler/split_input.ts";
import type { Json } from "../../lib/tasks/sample.ts";
import { BYTES } from "../support/byte_text.ts";

// Shaped like the benchmark's prompts, with contexts of our own.
const CONTEXT = "Find them all.\nOne of the special magic numbers for blue-door is: 1234567.\nThe end.";
const QUESTION = "\nWhat is the special magic number for blue-door mentioned in the text?";
const PREFIX = " The special magic number for blue-door mentioned in the text is";

async function load(data: string, task = "niah_single_1", options: { [name: string]: Json } = {}, length = 4096) {
  const opened = await openTask({ name: `ruler/${task}`, options: { data, ...options } });
  const groups = await opened.groups({ text: BYTES, length: { unit: "tokens", count: length }, seed: 0, count: 10 });
  return { opened, samples: (await Promise.all(groups.map((group) => group.make()))).flat() };
}

async function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = Deno.makeTempDirSync({ prefix: "rocketkv-ruler-" });
  try {
    await body(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

function write(path: string, lines: readonly unknown[]): void {
  Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
  Deno.writeTextFileSync(path, lines.map((line) => JSON.stringify(line) + "\n").join(""));
}

Deno.test("current files: the beginning of the answer is a field, the template is the model's", () =>
  withFolder(async (folder) => {
    const line = { index: 57, input: CONTEXT + QUESTION, answer_prefix: PREFIX, outputs: ["1234567"], length: 4096 };
    write(`${folder}/niah_single_1/validation.jsonl`, [line, line]);
    const { opened, samples } = await load(folder);
    assert.equal(opened.dataMode, "official");
    assert.equal(opened.usesLength, false);
    assert.equal(opened.tokenise, "whole");
    assert.match(opened.dataId, /^sha256:[\da-f]{64}$/);
    assert.deepEqual(samples.map(({ key }) => key), ["0", "1"]); // their index is no key
    assert.deepEqual(samples[0], {
      key: "0",
      depth: null,
      context: CONTEXT,
      turns: [{
        question: QUESTION,
        answerPrefix: PREFIX,
        maxNewTokens: 128,
        scoring: { metric: "match_all", references: ["1234567"] },
      }],
      chat: "model",
    });
    assert.equal((await load(folder, "niah_single_1", { raw: true })).samples[0]!.chat, "raw");
    assert.equal((await load(folder, "niah_single_1", { newTokens: 9 })).samples[0]!.turns[0]!.maxNewTokens, 9);
  }));

Deno.test("files of 2024: markup and the beginning of the answer are in the prompt", () =>
  withFolder(async (folder) => {
    const user = "<|start_header_id|>user<|end_header_id|>\n\n",
      end = "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n";
    write(`${folder}/4096/niah_single_1/validation.jsonl`, [
      { index: 0, input: user + CONTEXT + QUESTION + end + PREFIX.trimStart(), outputs: ["1234567"], length: 99 },
      { index: 1, input: CONTEXT + QUESTION + PREFIX, outputs: ["1234567"], length: 99 },
    ]);
    const { opened, samples: [chat, bare] } = await load(folder);
    assert.equal(opened.usesLength, true);
    assert.equal(chat!.chat, "prerendered");
    assert.equal(chat!.context, user + CONTEXT);
    assert.equal(chat!.turns[0]!.question + chat!.turns[0]!.answerPrefix, QUESTION + end + PREFIX.trimStart());
    assert.equal(chat!.turns[0]!.answerPrefix.trimStart(), PREFIX.trimStart());
    assert.equal(bare!.chat, "raw");
    assert.deepEqual([bare!.context, bare!.turns[0]!.question, bare!.turns[0]!.answerPrefix], [
      CONTEXT,
      QUESTION,
      PREFIX,
    ]);
    await assert.rejects(
      load(folder, "niah_single_1", {}, 8192),
      /Cannot find the data of ruler\/niah_single_1: expected .*\/8192\//,
    );
  }));

Deno.test("tables of kvpress: all tasks in one file, answers as Python writes lists", () =>
  withFolder(async (folder) => {
    const cell = (text: string) => `"${text.replaceAll('"', '""')}"`;
    const rows = [
      ["vt", "Other context.", "q", "p", "['A' 'B']", "30"],
      ["niah_single_1", CONTEXT, QUESTION, PREFIX, "['1234567']", "131"],
    ];
    Deno.mkdirSync(`${folder}/4096`);
    Deno.writeTextFileSync(
      `${folder}/4096/test.csv`,
      ["task,context,question,answer_prefix,answer,max_new_tokens", ...rows.map((row) => row.map(cell).join(","))].join(
        "\n",
      ),
    );
    const { samples } = await load(folder);
    assert.equal(samples.length, 1);
    assert.deepEqual([samples[0]!.context, samples[0]!.chat], [CONTEXT, "model"]);
    assert.deepEqual(samples[0]!.turns[0]!.scoring.references, ["1234567"]);
    assert.equal(samples[0]!.turns[0]!.maxNewTokens, 131);
    assert.deepEqual((await load(folder, "vt")).samples[0]!.turns[0]!.scoring.references, ["A", "B"]);
    await assert.rejects(load(folder, "cwe"), /expected records of task "cwe", found none/);
  }));

Deno.test("every family has its question found, however often the context has its words", () => {
  const twice = "Answer the question based on the given documents. Only give me the answer.";
  for (
    const [task, context, question, prefix] of [
      [
        "vt",
        "Question: Find all variables 1.\nVAR A = 1",
        "\nQuestion: Find all variables that hold 1.",
        " Answer: They are",
      ],
      ["cwe", "1. a", "\nQuestion: What are the 10 most common words?", " Answer: The top 10 are:"],
      ["fwe", "a b", "\nQuestion: Do not provide any explanation.", " Answer: They are"],
      ["qa_1", `${twice}\n\nDocument 1:\nx`, `\n\n${twice}\n\nQuestion: who?`, " Answer:"],
      ["niah_multikey_1", "x", "\nWhat are all the special magic numbers?", " The special magic numbers are"],
    ] as const
  ) {
    assert.deepEqual(splitInput(task, context + question + prefix, null), {
      context,
      question,
      prefix,
      prerendered: false,
    });
    assert.deepEqual(splitInput(task, context + question, prefix), { context, question, prefix, prerendered: false });
  }
});

Deno.test("bad files are refused with their line and field", () =>
  withFolder(async (folder) => {
    const path = `${folder}/vt/validation.jsonl`;
    await assert.rejects(load(folder, "vt"), /generate them with RULER's prepare.py, or leave out --data/);
    write(path, [{ input: "no question", outputs: ["x"] }]);
    await assert.rejects(
      load(folder, "vt"),
      /validation\.jsonl, line 1: "input" must be a prompt of vt: found "no question\.\.\."/,
    );
    write(path, [{ input: "Question: Find all variables Answer:", outputs: "x" }]);
    await assert.rejects(load(folder, "vt"), /line 1: "outputs" must be a list of texts: found "x"/);
    const tasks = await buildableTasks({ name: "ruler/vt", options: {} });
    const { signal } = new AbortController();
    const [built] = await buildData({
      ...{ tasks, text: BYTES, lengths: [{ unit: "tokens", count: 4096 }], seed: 0, count: 1, out: folder, signal },
    });
    await assert.rejects(load(folder, "vt"), {
      name: "UsageError",
      message: `Cannot use ${built!.path} as RULER's: it is of "rocketkv data build": run it with ` +
        `rocketkv sweep --task file --task-option data=${built!.path}`,
    });
  }));
