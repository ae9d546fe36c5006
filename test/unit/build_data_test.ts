/** Generated samples become files, and come back from them as they were. */
import assert from "node:assert/strict";
import { buildableTasks, buildData } from "../../lib/tasks/build_data.ts";
import { openTask } from "../../lib/tasks/catalog.ts";
import { allRows } from "../../lib/tasks/files/rows.ts";
import type { Json } from "../../lib/tasks/sample.ts";
import type { Length, Task } from "../../lib/tasks/task.ts";
import { loadText } from "../../lib/text/load_text.ts";
import type { ModelText } from "../../lib/text/types.ts";
import { byteTokenizer } from "../support/byte_tokenizer.ts";
import { dataFolder } from "../support/data_folder.ts";

const TEXT: ModelText = loadText({
  kind: "huggingface",
  tokenizer: byteTokenizer([[256, "<bos>"], [257, "<eos>"]]),
  tokenizerConfig: { eos_token: "<eos>" },
  generationConfig: {},
  configEos: [257],
  configBos: 256,
  chatTemplateFile: null,
});

async function samplesOf(task: Task, length: Length | null) {
  const groups = await task.groups({ text: TEXT, length, seed: 3, count: 2 });
  const made = await Promise.all(
    groups.map(async ({ id, make }) => (await make()).map((sample) => ({ group: id, sample }))),
  );
  return made.flat().toSorted((a, b) => a.sample.key < b.sample.key ? -1 : 1);
}

for (
  const [name, options] of [["niah", { depths: [20, 80], distractors: 1 }], ["ruler/vt", {}]] as [
    string,
    Record<string, Json>,
  ][]
) {
  Deno.test(`${name}: what data build writes has RULER's fields, and the task file reads the same samples`, async () => {
    await using folder = await dataFolder();
    const length: Length = { unit: "tokens", count: 2048 };
    const { signal } = new AbortController();
    const progress: number[] = [];
    const [file, ...others] = await buildData({
      ...{
        tasks: await buildableTasks({ name, options }),
        text: TEXT,
        lengths: [length],
        seed: 3,
        count: 2,
        out: folder.path,
        signal,
      },
      onSample: (done) => progress.push(done),
    });
    assert.deepEqual(others, []);
    const task = await openTask({ name, options });
    const wanted = await samplesOf(task, length);
    assert.equal(file!.path, `${folder.path}/2048/${name.split("/").at(-1)}/validation.jsonl`);
    assert.equal(file!.samples, wanted.length);
    assert(file!.mostTokens <= 2048 && file!.mostTokens > 1900, `${file!.mostTokens}`);
    assert.deepEqual(progress, wanted.map((_, i) => i + 1));

    const rows = await allRows(file!.path);
    for (const [i, row] of rows.entries()) {
      assert.equal(row.integer("index"), i);
      assert(row.integer("length") <= 2048);
      const { sample } = wanted.find(({ sample }) => sample.key === row.text("key"))!;
      assert.equal(row.text("input"), sample.context + sample.turns[0]!.question);
      assert.deepEqual(row.texts("outputs"), sample.turns[0]!.scoring.references);
    }
    const again = await samplesOf(await openTask({ name: "file", options: { data: file!.path } }), null);
    assert.deepEqual(again, wanted);
  });
}

Deno.test("a file of somebody else needs input and outputs, and its options say the rest", async () => {
  await using folder = await dataFolder();
  const data = `${folder.path}/own.jsonl`;
  const open = (options: Record<string, Json> = {}) => openTask({ name: "file", options: { data, ...options } });
  await folder.jsonl("own.jsonl", [{ input: "a\nb?", outputs: ["b"] }, { input: "c", outputs: ["d"], question: "c" }]);
  const task = await open({ metric: "qa_f1", newTokens: 9, raw: true });
  assert.deepEqual((await samplesOf(task, null)).map(({ sample }) => sample), [
    {
      ...{ key: "0", depth: null, context: "a\nb?", chat: "raw" },
      turns: [{ question: "", answerPrefix: "", maxNewTokens: 9, scoring: { metric: "qa_f1", references: ["b"] } }],
    },
    {
      ...{ key: "1", depth: null, context: "", chat: "raw" },
      turns: [{ question: "c", answerPrefix: "", maxNewTokens: 9, scoring: { metric: "qa_f1", references: ["d"] } }],
    },
  ]);
  const refused = async (records: unknown[], wanted: RegExp) => {
    await folder.jsonl("own.jsonl", records);
    await assert.rejects(open, wanted);
  };
  await refused([{ input: "a" }], /^UsageError: Cannot use .*own\.jsonl, line 1: "outputs" is missing$/);
  await refused(
    [{ input: "a", outputs: ["b"], question: "c" }],
    /line 1: "question" must be the end of "input": found "c"$/,
  );
  await refused(
    [{ input: "a", outputs: ["b"], metric: "bleu" }],
    /line 1: "metric" must be one of match_all, .*: found "bleu"$/,
  );
  await refused(
    [{ input: "a", outputs: ["b"], metric: "fidelity" }],
    /"metric" must be one of match_all, .*: found "fidelity"$/,
  );
  await refused([{ input: "a", outputs: ["b"], depth: "deep" }], /line 1: "depth" must be a number: found "deep"$/);
  const twice = { input: "a", outputs: ["b"], key: "x" };
  await refused([twice, twice], /line 2: "key" must be another one in every record: found x twice$/);
  await assert.rejects(
    () => openTask({ name: "file", options: {} }),
    /^UsageError: Cannot use task "file": expected its option "data", found none$/,
  );
  await assert.rejects(
    () => openTask({ name: "file", options: { data: `${folder.path}/none.jsonl` } }),
    /none\.jsonl: No such file or directory$/,
  );
});

Deno.test("tasks whose files decide are not built, nor those without answers", async () => {
  await using folder = await dataFolder();
  await folder.jsonl("own.jsonl", [{ input: "a", outputs: ["b"] }]);
  for (const [name, options] of [["file", { data: `${folder.path}/own.jsonl` }], ["fidelity", {}]] as const) {
    await assert.rejects(
      () => buildableTasks({ name, options }),
      {
        name: "UsageError",
        message: `Cannot build "${name}": expected a task that is generated and has answers, such as niah or ruler/vt`,
      },
    );
  }
});
