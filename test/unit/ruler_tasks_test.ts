/** RULER's thirteen tasks as they are generated here: what has to hold in every prompt. */
import assert from "node:assert/strict";
import { promptTokens } from "../../lib/tasks/prompt/assemble.ts";
import { expandTasks, openTask } from "../../lib/tasks/catalog.ts";
import { zipfCounts } from "../../lib/tasks/ruler/frequent_words.ts";
import { RULER_TASKS } from "../../lib/tasks/ruler/recipes.ts";
import type { Json, Sample } from "../../lib/tasks/sample.ts";
import { PIECES } from "../support/piece_text.ts";

interface Request {
  readonly length?: number;
  readonly index?: number;
  readonly count?: number;
  readonly options?: { [name: string]: Json };
}

async function sample(task: string, { length = 8192, index = 0, count = index + 1, options = {} }: Request = {}) {
  const { groups } = await openTask({ name: `ruler/${task}`, options });
  const all = await groups({ text: PIECES, length: { unit: "tokens", count: length }, seed: 0, count });
  const [made] = await all[index]!.make();
  assert.deepEqual(all[index]!.keys, [made!.key]);
  return made!;
}

const times = (text: string, part: string) => text.split(part).length - 1;
const referencesOf = ({ turns }: Sample) => turns[0]!.scoring.references;
const goldOf = ({ context, gold }: Sample) => gold!.map(({ from, to }) => context.slice(from, to));

Deno.test("every task fills its length, room for the answer included, and not more", async (t) => {
  for (const task of RULER_TASKS) {
    await t.step(task, async () => {
      for (const length of [4096, 16_384]) {
        const made = await sample(task, { length });
        const total = promptTokens(PIECES, made) + made.turns[0]!.maxNewTokens;
        assert(total <= length && total >= 0.95 * length, `${total} of ${length}`);
      }
    });
  }
});

Deno.test("a sample does not depend on how many there are, and others are others", async () => {
  for (const task of RULER_TASKS) {
    const alone = await sample(task, { index: 2, length: 4096 });
    assert.deepEqual(await sample(task, { index: 2, length: 4096, count: 9 }), alone);
    assert.notEqual((await sample(task, { index: 1, length: 4096 })).context, alone.context);
  }
});

Deno.test("needles: as many as keys and values, every value once, the ones asked for are the gold", async () => {
  for (
    const [task, needles, asked] of [
      ["niah_single_1", 1, 1],
      ["niah_single_2", 1, 1],
      ["niah_single_3", 1, 1],
      ["niah_multikey_1", 4, 1],
      ["niah_multivalue", 4, 4],
      ["niah_multiquery", 4, 4],
    ] as const
  ) {
    const made = await sample(task);
    assert.equal(made.context.match(/The registered (number|uuid) of \S+ is: /g)!.length, needles, task);
    assert.equal(referencesOf(made).length, asked, task);
    for (const value of referencesOf(made)) assert.equal(times(made.context, value), 1, task);
    const gold = goldOf(made);
    assert.equal(gold.length, asked);
    assert.deepEqual(gold.map((line) => / is: (\S+)\.$/.exec(line)![1]).toSorted(), [...referencesOf(made)].toSorted());
  }
});

Deno.test("needles among needles: every line is one, with a key of its own", async () => {
  for (const [task, key] of [["niah_multikey_2", /^[a-z]+-[a-z]+$/], ["niah_multikey_3", /^[\da-f-]{36}$/]] as const) {
    const made = await sample(task);
    const lines = made.context.split("\n\n")[1]!.split("\n");
    const keys = lines.map((line) => /^The registered \w+ of (\S+) is: \S+\.$/.exec(line)![1]!);
    assert(lines.length > 50);
    assert.equal(new Set(keys).size, lines.length);
    for (const one of keys) assert.match(one, key);
    const [gold] = goldOf(made);
    assert(lines.includes(gold!) && gold!.includes(referencesOf(made)[0]!));
    assert(made.turns[0]!.question.includes(/of (\S+) is/.exec(gold!)![1]!));
  }
});

Deno.test("questions for several keys ask for them in the order of the references", async () => {
  const made = await sample("niah_multiquery");
  const asked = /numbers of (.*)\?/.exec(made.turns[0]!.question)![1]!.split(/, | and /);
  const values = asked.map((key) => new RegExp(`of ${key} is: (\\d+)`).exec(made.context)![1]);
  assert.deepEqual(values, referencesOf(made));
});

Deno.test("vt: the assignments of the chain stand in their order, behind an example with other names", async () => {
  const made = await sample("vt");
  const [example, text] = made.context.split("Now the text itself:") as [string, string];
  assert.equal(example.match(/^SET [A-Z]{3} = /gm)!.length, 5);
  const lines = [...text.matchAll(/^SET ([A-Z]{5}) = (\w+)$/gm)];
  assert.deepEqual(lines.map(([, name]) => name), referencesOf(made));
  assert.match(lines[0]![2]!, /^\d{5}$/);
  assert.deepEqual(lines.slice(1).map(([, , from]) => from), referencesOf(made).slice(0, -1));
  assert(made.turns[0]!.question.includes(lines[0]![2]!));
  assert.deepEqual(goldOf(made), lines.map(([line]) => line));
});

Deno.test("cwe: a gapless numbered list in which ten words stand 30 times, the others 3 times", async () => {
  const made = await sample("cwe", { length: 20_000 });
  const [example, list] = made.context.split("Now the list itself:") as [string, string];
  const entries = [...list.matchAll(/(\d+)\. ([a-z]+)/g)];
  assert.deepEqual(entries.map(([, number]) => Number(number)), entries.map((_, i) => i + 1));
  const counts = Map.groupBy(entries, ([, , word]) => word!);
  assert.equal(entries.length, 300 + 3 * (counts.size - 10));
  for (const [word, found] of counts) assert.equal(found.length, referencesOf(made).includes(word) ? 30 : 3);
  assert.equal([...example.matchAll(/\d+\. [a-z]+/g)].length, 10 * 10 + 30 * 3 + 10); // and the ten of its answer
  assert.equal([...example.matchAll(/\d+\. ([a-z]+)/g)].filter(([, word]) => counts.has(word!)).length, 0);
});

Deno.test("fwe: frequencies follow the law, and the answers are the three ranks behind the dots", async () => {
  // Worked with RULER's own numbers at 32K: 5850 dots, answers 1462, 650 and 365, 234 of the next.
  assert.deepEqual(zipfCounts(9622, 6).slice(0, 5), [5849, 1462, 649, 365, 233]);
  const made = await sample("fwe", { length: 16_384 });
  const words = made.context.split("\n\n")[1]!.split(" ");
  const counts = [...Map.groupBy(words, (word) => word)].map(([word, found]) => ({ word, count: found.length }))
    .sort((a, b) => b.count - a.count);
  assert.deepEqual(counts.slice(0, 4).map(({ word }) => word), ["...", ...referencesOf(made)]);
  for (let rank = 0; rank < 4; rank++) assert(counts[rank]!.count > counts[rank + 1]!.count);
  for (const { word } of counts.slice(1)) assert.match(word, /^[a-z]{6}$/);
});

Deno.test("qa: the gold documents are there once, under gapless headings, at places of their own in every sample", async () => {
  for (const [task, hops] of [["qa_1", 1], ["qa_2", 2]] as const) {
    const places = new Set<string>();
    for (const index of [0, 1, 2, 3]) {
      const made = await sample(task, { index, length: 12_000 });
      const headings = [...made.context.matchAll(/^Document (\d+):$/gm)].map(([, number]) => Number(number));
      assert.deepEqual(headings, headings.map((_, i) => i + 1));
      assert.equal(goldOf(made).length, hops);
      assert.equal(times(made.context, referencesOf(made)[0]!) > 0, true);
      assert(goldOf(made).some((document) => document.includes(referencesOf(made)[0]!)));
      for (const document of goldOf(made)) assert.equal(times(made.context, document.split("\n")[1]!), 1);
      assert(!made.turns[0]!.question.includes(referencesOf(made)[0]!));
      places.add(JSON.stringify(made.about!.goldDocuments));
    }
    assert(places.size > 2, task);
  }
});

Deno.test("prose of one's own is the haystack of the tasks that hide needles in prose", async () => {
  const path = Deno.makeTempFileSync({ suffix: ".json" });
  try {
    Deno.writeTextFileSync(path, JSON.stringify({ text: "Nothing here. It goes on and on. Until it stops." }));
    const made = await sample("niah_single_2", { options: { haystack: path }, length: 2048 });
    assert.match(made.context, /It goes on and on\. Until it stops\. Nothing here\. It goes/);
    Deno.writeTextFileSync(path, "[]");
    await assert.rejects(sample("niah_single_2", { options: { haystack: path } }), /a text in its field "text"/);
  } finally {
    Deno.removeSync(path);
  }
});

Deno.test("questions of one's own are taken in their order, their nearest documents first", async (t) => {
  const path = Deno.makeTempFileSync({ suffix: ".jsonl" });
  const lines = [
    {
      question: "Who is first?",
      answers: ["Ann", "Anna"],
      docs: ["Far away.", "Ann is first.", "Near by."],
      gold: [1],
    },
    { question: "Who is second?", answers: ["Bob"], docs: ["Bob is second.", "Elsewhere."], gold: [0] },
  ];
  const options = { questions: path };
  try {
    await t.step("JSONL", async () => {
      Deno.writeTextFileSync(path, lines.map((line) => JSON.stringify(line)).join("\n"));
      const made = await sample("qa_1", { options, index: 1, count: 9 });
      assert.equal(made.turns[0]!.question.split("Question: ")[1], "Who is second?");
      assert.deepEqual(referencesOf(made), ["Bob"]);
      assert.equal(made.about!.documents, 5);
      const task = await openTask({ name: "ruler/qa_1", options });
      assert.equal(
        (await task.groups({ text: PIECES, length: { unit: "tokens", count: 4096 }, seed: 0, count: 9 })).length,
        2,
      );
      assert.match(task.dataId, /questions sha256:/);
    });
    await t.step("SQuAD", async () => {
      const qas = [{ question: "Who?", answers: [{ text: "Cid" }, { text: "Cid" }], is_impossible: false }, {
        question: "Nobody?",
        answers: [],
        is_impossible: true,
      }];
      const data = [{ title: "T", paragraphs: [{ context: "Cid did it.", qas }, { context: "Other.", qas: [] }] }];
      Deno.writeTextFileSync(path.replace(".jsonl", ".json"), JSON.stringify({ version: "v2.0", data }));
      const made = await sample("qa_1", { options: { questions: path.replace(".jsonl", ".json") } });
      assert.deepEqual(referencesOf(made), ["Cid"]);
      assert.deepEqual(goldOf(made).map((text) => text.split("\n")[1]), ["Cid did it."]);
      assert.equal(made.about!.documents, 2);
    });
    await t.step("HotpotQA", async () => {
      const context = [["A", ["One. ", "Two."]], ["B", ["Three."]], ["C", ["Four."]]];
      const list = [{ question: "Which?", answer: "Two", context, supporting_facts: [["A", 1], ["C", 0]] }];
      Deno.writeTextFileSync(path.replace(".jsonl", ".json"), JSON.stringify(list));
      const made = await sample("qa_2", { options: { questions: path.replace(".jsonl", ".json") } });
      assert.deepEqual(goldOf(made).map((text) => text.split(":\n")[1]).toSorted(), ["A\nOne. Two.", "C\nFour."]);
    });
    await t.step("a bad line is named", async () => {
      Deno.writeTextFileSync(path, JSON.stringify({ question: "Who?", answers: ["x"], docs: ["y"], gold: [3] }));
      await assert.rejects(sample("qa_1", { options }), /line 1: "gold" must be places in "docs", from 0 to 0/);
    });
  } finally {
    Deno.removeSync(path);
    Deno.removeSync(path.replace(".jsonl", ".json"));
  }
});

Deno.test("what cannot be made is refused", async () => {
  await assert.rejects(
    sample("vt", { length: 150 }),
    /Cannot make a prompt of ruler\/vt in 150 tokens: expected at least \d+/,
  );
  await assert.rejects(sample("vx"), /^UsageError: Cannot use task "ruler\/vx": did you mean "ruler\/vt"\?$/);
  await assert.rejects(
    sample("nothing"),
    /^UsageError: Cannot use task "ruler\/nothing": expected one of ruler\/niah_single_1, /,
  );
  await assert.rejects(sample("vt", { options: { data: "x", haystack: "noise" } }), /its prompts are made already/);
  const { groups } = await openTask({ name: "ruler/vt", options: {} });
  const words = groups({ text: PIECES, length: { unit: "words", count: 100 }, seed: 0, count: 1 });
  await assert.rejects(words, /Cannot use length "100w" with ruler: it must be tokens, such as 4096/);
  assert.equal((await expandTasks({ name: "ruler", options: {} })).length, 13);
});
