import assert from "node:assert/strict";
import { cellFolder, readRun } from "../../lib/sweep/folder/folder.ts";
import type { Run } from "../../lib/sweep/folder/manifest.ts";
import type { Prediction } from "../../lib/sweep/folder/prediction.ts";
import { rescoreInto, rescoreRun } from "../../lib/sweep/folder/rescore.ts";
import { lockShard } from "../../lib/sweep/folder/lock.ts";
import { WHOLE } from "../../lib/sweep/folder/shard.ts";
import { scoreAnswer } from "../../lib/tasks/metrics/registry.ts";
import { ARMS, runOf } from "../support/run_data.ts";
import { writeRun } from "../support/run_folder.ts";

const holder = { pid: 1, host: "test", since: "2025-06-01T10:00:00Z" };

function temporaryFolder(): { path: string } & Disposable {
  const path = Deno.makeTempDirSync({ prefix: "rocketkv-test-" });
  return { path, [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }) };
}

/** A run whose scores of one sample are not what the metric says any more. */
function stale(run: Run): Run {
  const cells = run.cells.map((cell) => ({
    ...cell,
    predictions: cell.predictions.map((one) =>
      one.sample === "3" && one.scores ? { ...one, scores: { score: 0.5 } } : one
    ),
  }));
  return { ...run, cells };
}

const small = () =>
  runOf({ tasks: ["ruler/vt"], samples: 8, arms: ARMS.slice(0, 3), outOfMemory: ({ budget }) => budget === "128" });

Deno.test("rescoreRun() makes the files that a fresh run would have written, and touches no other", async () => {
  using folder = temporaryFolder();
  const fresh = `${folder.path}/fresh`, again = `${folder.path}/again`;
  await writeRun(fresh, small());
  await writeRun(again, stale(small()));
  assert.deepEqual(await rescoreRun(again, holder), { cells: 3, answers: 16, changed: 2 });
  for (const { id } of small().cells) {
    for (const file of ["predictions.jsonl", "timings.jsonl", "config.json"]) {
      assert.equal(
        Deno.readTextFileSync(`${cellFolder(again, id)}/${file}`),
        Deno.readTextFileSync(`${cellFolder(fresh, id)}/${file}`),
      );
    }
  }
  assert.deepEqual(await rescoreRun(again, holder), { cells: 3, answers: 16, changed: 0 });
});

Deno.test("rescoreRun() scores the files of shards like merged ones, so that they do not contradict each other", async () => {
  using folder = temporaryFolder();
  const run = stale(small());
  await writeRun(folder.path, run);
  const cell = run.cells[0]!, name = `${cellFolder(folder.path, cell.id)}/predictions`;
  Deno.copyFileSync(`${name}.jsonl`, `${name}.1-of-2.jsonl`);
  Deno.writeTextFileSync(`${name}.1-of-2.jsonl`, '{"sample":"7","torn', { append: true });
  assert.equal((await rescoreRun(folder.path, holder)).changed, 2);
  const { cells } = await readRun(folder.path);
  assert.deepEqual(cells[0]!.predictions, small().cells[0]!.predictions);
});

Deno.test("rescoreInto() leaves the run alone and makes the one of the other scorer", async () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/official`, out = `${folder.path}/fixed`;
  const base = runOf({ tasks: ["longbench/x"], samples: 3, arms: ARMS.slice(0, 1) });
  // A metric whose two scorers disagree: blanks that stand in front of code.
  const code = (one: Prediction): Prediction => {
    const answer = "\n\n   \nreturn y", scoring = { metric: "code_sim" as const, references: ["return y"] };
    return { ...one, answer, scoring, scores: scoreAnswer(answer, scoring, "official") };
  };
  await writeRun(path, {
    ...base,
    cells: base.cells.map((cell) => ({ ...cell, predictions: cell.predictions.map(code) })),
  });
  const before = Deno.readTextFileSync(`${cellFolder(path, base.cells[0]!.id)}/predictions.jsonl`);
  const { answers, changed } = await rescoreInto(path, out, "fixed");
  assert.equal(answers, 3);
  assert.equal(changed, 3);
  const { manifest, cells: [cell] } = await readRun(out);
  assert.equal(cell!.config.scorer, "fixed");
  assert.notEqual(cell!.id, base.cells[0]!.id);
  assert.equal(manifest.grid["scorer"], "fixed");
  assert.deepEqual(cell!.expected, ["0", "1", "2"]);
  assert.equal(cell!.timings.length, 3);
  for (const { answer, scoring, scores } of cell!.predictions) {
    assert.deepEqual(scores, scoreAnswer(answer, scoring, "fixed"));
  }
  assert.equal(Deno.readTextFileSync(`${cellFolder(path, base.cells[0]!.id)}/predictions.jsonl`), before);
  await assert.rejects(rescoreInto(path, out, "fixed"), {
    name: "RunError",
    message: /expected a folder without manifest\.json/,
  });
});

Deno.test("rescoreRun() refuses a folder that somebody works in, and one that is no run", async () => {
  using folder = temporaryFolder();
  await writeRun(folder.path, small());
  const [lock] = await lockShard(folder.path, WHOLE, holder, () => Promise.resolve(null));
  await assert.rejects(rescoreRun(folder.path, holder), { name: "RunError", message: /process 1 on test/ });
  lock[Symbol.dispose]();
  await rescoreRun(folder.path, holder);
  await assert.rejects(rescoreRun(`${folder.path}/none`, holder), {
    name: "RunError",
    message: /expected a run folder/,
  });
});
