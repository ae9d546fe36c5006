import assert from "node:assert/strict";
import { openTask } from "../../lib/tasks/catalog.ts";
import { longbenchV2Averages } from "../../lib/tasks/longbench_v2/aggregate.ts";
import { metrics } from "../../lib/tasks/metrics/registry.ts";
import type { ScoreMode } from "../../lib/tasks/metrics/metric.ts";
import type { Sample, Scoring } from "../../lib/tasks/sample.ts";
import type { ModelText } from "../../lib/text/types.ts";
import { type DataFolder, dataFolder } from "../support/data_folder.ts";

const RECORD = {
  ...{ _id: "x", domain: "d", sub_domain: "s", difficulty: "hard", length: "short", question: " Who? ", answer: "B" },
  ...{ choice_A: "a", choice_B: "b", choice_C: "c", choice_D: "d", context: " Once. \n" },
};

async function samplesOf(folder: DataFolder): Promise<Sample[]> {
  const task = await openTask({ name: "longbench-v2", options: { data: folder.path } });
  const groups = await task.groups({ text: null as unknown as ModelText, length: null, seed: 0, count: 9 });
  return (await Promise.all(groups.map((group) => group.make()))).flat();
}

Deno.test("LongBench v2 is read from data.json, JSONL and parquet alike", async () => {
  const all: Sample[][] = [];
  for (
    const write of [
      (folder: DataFolder) => folder.write("data.json", [RECORD]),
      (folder: DataFolder) => folder.jsonl("longbench-v2.jsonl", [RECORD]),
      (folder: DataFolder) => folder.parquet("data/train-00000-of-00001.parquet", [RECORD]),
    ]
  ) {
    await using folder = await dataFolder();
    await write(folder);
    all.push(await samplesOf(folder));
  }
  assert.deepEqual(all[1], all[0]);
  assert.deepEqual(all[2], all[0]);
  const [{ context, turns: [turn] }] = all[0] as [Sample];
  assert(context.endsWith("\n\nOnce."));
  assert(turn!.question.startsWith("\n\nQuestion: Who?\nChoices:\n(A) a\n(B) b\n(C) c\n(D) d\n\n"));
  assert.deepEqual(turn!.scoring, {
    metric: "stated_choice",
    references: ["B"],
    details: { difficulty: "hard", length: "short" },
  });
  await using folder = await dataFolder();
  await folder.write("data.json", [RECORD, { ...RECORD, answer: "b" }]);
  await assert.rejects(
    () => samplesOf(folder),
    /data\.json, record 2: "answer" must be a letter from A to D: found "b"$/,
  );
});

Deno.test("the choice is read from the sentence that was asked for", () => {
  const score = (answer: string, mode: ScoreMode) =>
    metrics.stated_choice(answer, { metric: "stated_choice", references: ["B"] }, mode);
  for (
    const answer of ["The correct answer is (B).", "I think **The correct answer is B**", "The correct answer is *(B)*"]
  ) {
    assert.deepEqual(score(answer, "official"), { score: 1, unparsed: 0, compensated: 1 });
    assert.equal(score(answer, "fixed").score, 1);
  }
  assert.deepEqual(score("The correct answer is (C)", "official"), { score: 0, unparsed: 0, compensated: 0 });
  assert.deepEqual(score("(B) b", "official"), { score: 0, unparsed: 1, compensated: 0.25 });
  assert.equal(score("(B) b", "fixed").score, 1);
  assert.equal(score("the correct answer is: B.", "fixed").score, 1);
  assert.deepEqual(score("Because", "fixed"), { score: 0, unparsed: 1, compensated: 0.25 });
});

Deno.test("averages are those of the benchmark's table", () => {
  const one = (difficulty: string, length: string, score: number, unparsed = 0) => {
    const scoring: Scoring = { metric: "stated_choice", references: ["A"], details: { difficulty, length } };
    return { scoring, scores: { score, unparsed, compensated: unparsed === 1 ? 0.25 : score } };
  };
  const found = longbenchV2Averages([
    ...[one("easy", "short", 1), one("hard", "short", 0, 1), one("hard", "long", 1)],
    { ...one("easy", "long", 0), scores: null },
  ]);
  assert.deepEqual(found.map(({ name, answers, value }) => [name, answers, value]), [
    ["overall", 3, 2 / 3],
    ["easy", 1, 1],
    ["hard", 2, 0.5],
    ["short", 2, 0.5],
    ["medium", 0, null],
    ["long", 1, 1],
    ["compensated", 3, 0.75],
  ]);
});
