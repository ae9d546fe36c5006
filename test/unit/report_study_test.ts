import assert from "node:assert/strict";
import { aggregatesOf } from "../../lib/report/aggregates.ts";
import { type Board, type BoardArm, boardsOf, seedSpread } from "../../lib/report/boards.ts";
import { cellRows } from "../../lib/report/tables/cell_rows.ts";
import { duelsOf } from "../../lib/report/duels.ts";
import { deltaToFull, scoreOf } from "../../lib/report/score.ts";
import { type Study, studyOf } from "../../lib/report/study.ts";
import { verdictOf } from "../../lib/report/verdicts.ts";
import { isPartial, warningsOf } from "../../lib/report/warnings.ts";
import { mean } from "../../lib/statistics.ts";
import { wilson } from "../../lib/statistics/intervals.ts";
import { mcNemar } from "../../lib/statistics/paired.ts";
import { taskLabels } from "../../lib/report/identity.ts";
import type { Run } from "../../lib/sweep/folder/manifest.ts";
import type { Json } from "../../lib/tasks/sample.ts";
import { RULER_TASKS } from "../../lib/tasks/ruler/recipes.ts";
import { type ArmData, ARMS, runOf } from "../support/run_data.ts";

const close = (found: number | null | undefined, wanted: number, within = 1e-9) =>
  assert(Math.abs(found! - wanted) <= within, `${found} is not ${wanted}`);

function armOf({ arms }: Board, label: string): BoardArm {
  return arms.find(({ arm }) => arm.label === label)!;
}

const board = (study: Study) => boardsOf(study)[0]!;

/** An arm that is right about easy samples only: of 1000 difficulties, those below this one. */
const until = (share: number): ArmData["rate"] => (hard) => hard < share ? 1 : 0;

Deno.test("a cell's row has Wilson's interval, and the paired difference with McNemar's test", () => {
  const run = runOf({ tasks: ["ruler/vt"] }), rows = cellRows(studyOf([run]));
  const snapkv = rows.find(({ arm }) => arm === "snapkv 256")!, full = rows.find(({ arm }) => arm === "full")!;
  const right = (label: string) =>
    run.cells[rows.findIndex(({ arm }) => arm === label)]!.predictions.filter(({ scores }) => scores!.score === 1)
      .length;
  const [low, high] = wilson(right("snapkv 256"), 50);
  close(snapkv["score"] as number, 2 * right("snapkv 256"));
  close(snapkv["ciLow"] as number, 100 * low);
  close(snapkv["ciHigh"] as number, 100 * high);
  close(snapkv["delta"] as number, 2 * (right("snapkv 256") - right("full")));
  assert.equal(snapkv["fullScore"], full["score"]);
  assert.equal(snapkv["losses"], right("full") - right("snapkv 256"));
  assert.equal(snapkv["wins"], 0);
  assert.equal(snapkv["test"], "McNemar");
  close(snapkv["p"] as number, mcNemar(0, snapkv["losses"] as number));
  assert.equal(full["delta"], null);
  close(snapkv["ratio"] as number, 16);
});

Deno.test("the interval of a paired difference covers the true one about as often as it says", () => {
  const arms: ArmData[] = [ARMS[0]!, { method: "snapkv", budget: "256", ratio: 16, rate: until(0.8) }];
  const covered = Array.from({ length: 60 }, (_, seed) => {
    const study = studyOf([runOf({ tasks: ["ruler/vt"], samples: 200, arms, config: { seed } })]);
    const [low, high] = deltaToFull([study.cells[1]!])!.interval!;
    return low <= -0.15 && -0.15 <= high; // 0.95 less 0.8
  }).filter(Boolean).length;
  assert(covered >= 52, `${covered} of 60`);
});

Deno.test("samples of other prompts are in no pair, and the report says so", () => {
  const run = runOf({ tasks: ["ruler/vt"] });
  const cells = run.cells.map((cell, i) =>
    i !== 1
      ? cell
      : { ...cell, predictions: cell.predictions.map((line, k) => k < 5 ? { ...line, prompt: "other" } : line) }
  );
  const study = studyOf([{ ...run, cells }]);
  assert.equal(deltaToFull([study.cells[1]!])!.n, 45);
  assert(
    warningsOf(study).some((text) => text.includes("rocketkv 128 on ruler/vt at 4096") && text.includes("left out")),
  );
});

Deno.test("turns of one sample, and depths on one haystack, count as one context", () => {
  const cell = studyOf([runOf({ tasks: ["scbench/kv"], samples: 10, turns: 5 })]).cells[3]!;
  const score = scoreOf([cell])!;
  assert.deepEqual([score.n, score.groups], [50, 10]);
  assert.equal(deltaToFull([cell])!.test, "sign flip");
  assert.equal(scoreOf([studyOf([runOf({ samples: 4, depths: [0, 50, 100] })]).cells[0]!])!.groups, 4);
});

/** All answers have this score, of a metric that is a share of two references. */
function scored(run: Run, score: (arm: string, sample: number) => number): Run {
  const cells = run.cells.map((cell) => ({
    ...cell,
    predictions: cell.predictions.map((line) => ({
      ...line,
      scoring: { ...line.scoring, references: ["one", "two"] },
      scores: { score: score(cell.config.method, parseInt(line.sample, 10)) },
    })),
  }));
  return { ...run, cells };
}

Deno.test("the metric decides on the interval, not the scores that happened to be there", () => {
  const single = studyOf([runOf({ tasks: ["ruler/vt"], arms: [{ ...ARMS[0]!, rate: () => 0 }] })]).cells[0]!;
  assert.deepEqual(scoreOf([single])!.interval, wilson(0, 50));
  const shares = studyOf([scored(runOf({ tasks: ["ruler/vt"] }), (arm, i) => arm === "snapkv" ? i % 2 : 0)]).cells;
  assert.equal(scoreOf([shares[0]!])!.interval, null); // nothing to draw from, and no right or wrong
  const [low, high] = scoreOf([shares[3]!])!.interval!;
  assert.notDeepEqual([low, high], wilson(25, 50));
  assert(low < 0.5 && high > 0.5);
  assert.equal(deltaToFull([shares[1]!])!.interval, null);
  assert.equal(deltaToFull([shares[3]!])!.test, "sign flip");
});

Deno.test("a difference that all contexts have is as sure as they are many", () => {
  const arms = [ARMS[0]!, { ...ARMS[3]!, rate: until(0) }].map((arm, i) => i === 0 ? { ...arm, rate: until(1) } : arm);
  const lost = (samples: number) =>
    deltaToFull(studyOf([runOf({ tasks: ["ruler/vt"], arms, samples })]).cells.slice(1))!;
  const [low, high] = lost(50).interval!;
  assert.deepEqual([low, lost(50).value], [-1, -1]);
  close(high, -1 + 2 * wilson(0, 50)[1]);
  assert.equal(lost(5).interval, null);
  assert(lost(6).interval !== null && lost(6).p < 0.05 && lost(5).p > 0.05);
});

Deno.test("with too few contexts nothing is said of a difference, however many answers there are", () => {
  const study = studyOf([runOf({ tasks: ["niah"], samples: 4, depths: [0, 20, 40, 60, 80, 100] })]);
  const delta = deltaToFull(armOf(board(study), "streaming 256").cells)!;
  assert.deepEqual([delta.n, delta.groups, delta.interval], [24, 4, null]);
  assert(cellRows(study).every(({ deltaLow, deltaHigh }) => deltaLow === null && deltaHigh === null));
  const { headline, rivals } = verdictOf(board(study))!;
  assert.notEqual(headline.tone, "good");
  assert(rivals.some(({ text }) => /: −\d+\.\d points; 4 contexts are too few to tell them from chance\.$/.test(text)));
  assert(warningsOf(study).some((text) => text.startsWith("Fewer than 6 contexts (4) in 7 of 7 cells")));
  assert(!warningsOf(studyOf([runOf()])).some((text) => text.includes("contexts")));
});

Deno.test("fidelity is judged by what is lost, not by chance", () => {
  const run = scored(runOf({ tasks: ["fidelity"], samples: 8 }), (arm, i) => arm === "full" ? 1 : 0.9 + i / 100);
  const own = board(studyOf([run])), { headline } = verdictOf(own)!;
  assert.match(
    headline.text,
    /^rocketkv at 128 tokens prefers the full cache's token in 93\.5 % of steps at 26\.0× fewer/,
  );
  assert.equal(headline.tone, "bad");
  assert.equal(scoreOf(own.full!.cells)!.interval, null);
});

Deno.test("answers that ran out of memory are missing, not wrong: the arm is PARTIAL, and judged by the rest", () => {
  const study = studyOf([runOf({
    tasks: ["ruler/vt"],
    lengths: [4096, 8192],
    outOfMemory: ({ method }, length) => method === "streaming" && length === 8192,
  })]);
  const streaming = armOf(board(study), "streaming 256");
  assert.equal(streaming.complete, false);
  assert.deepEqual(scoreOf(streaming.cells), scoreOf(streaming.cells.slice(0, 1)));
  assert.equal(deltaToFull(streaming.cells)!.n, 50);
  assert.equal(scoreOf(streaming.cells.slice(1)), null);
  const [duel] = duelsOf(board(study), armOf(board(study), "rocketkv 256")).filter(({ series }) =>
    series === "streaming"
  );
  assert.deepEqual([duel!.cells, duel!.delta.n], [1, 50]);
  const [short, long] = cellRows(study).filter(({ arm }) => arm === "streaming 256");
  assert.deepEqual([short!["outOfMemory"], long!["outOfMemory"], long!["score"]], [0, 50, null]);
  const over = aggregatesOf(board(study), streaming).find(({ name, length }) => name === "mean" && length === null)!;
  assert.deepEqual(over.lacks, ["ruler/vt at 8192"]);
  assert(warningsOf(study).some((text) => text.startsWith("Out of memory") && text.includes("streaming 256")));
});

Deno.test("a run that was interrupted is PARTIAL, and says what is missing", () => {
  const study = studyOf([runOf({ tasks: ["ruler/vt"], done: 30 })]);
  assert(isPartial(study));
  assert(!isPartial(studyOf([runOf()])));
  assert(warningsOf(study).some((text) => text.startsWith("PARTIAL: 140 samples of 7 cells")));
});

Deno.test("a report says that RepoQA's functions were found without a parser, and how many in a block", () => {
  const run = runOf({ tasks: ["scbench/repoqa"], samples: 4 });
  const cells = run.cells.map((cell) => ({
    ...cell,
    predictions: cell.predictions.map((one, i) => ({
      ...one,
      scoring: { ...one.scoring, metric: "repoqa" as const },
      scores: { ...one.scores!, fenced: i === 0 ? 1 : 0 },
    })),
  }));
  const said = (run: Run) => warningsOf(studyOf([run])).filter((text) => text.startsWith("RepoQA"));
  assert.deepEqual(said({ ...run, cells }), [
    "RepoQA: the function of an answer is its first fenced block (7 of 28 answers), else all of it; the benchmark cuts it " +
    "out with a parser.",
  ]);
  assert.deepEqual(said(run), []);
});

Deno.test("prompts that do not fill the length they are called by are named", () => {
  const run = runOf({ tasks: ["ruler/vt"], lengths: [1024, 8192] });
  const cells = run.cells.map((cell) => ({
    ...cell,
    predictions: cell.predictions.map((line) => ({ ...line, maxNewTokens: 0 })),
  }));
  const study = studyOf([{ ...run, cells }]);
  assert(!warningsOf(studyOf([run])).some((text) => text.includes("fill")));
  assert(
    warningsOf(study).includes(
      "Prompts fill less than 95 % of their length: ruler/vt at 1024; the least is 90.2 % at ruler/vt at 1024.",
    ),
    warningsOf(study).join("\n"),
  );
  assert.deepEqual(new Set(cellRows(study).map(({ fill }) => fill)), new Set([924 / 1024, 8092 / 8192]));
});

Deno.test("tasks are named by what tells them apart, and needles by what is hidden", () => {
  const config = (name: string, options: Record<string, Json>) =>
    runOf({ config: { task: { name, options } }, samples: 1 }).cells[0]!.config;
  const needles = ["needle", "no-needle", "wrong-key"].map((arm) => config("niah", { arm, depths: [0, 50] }));
  const raw = [true, false].map((raw) => config("ruler/vt", { raw, haystack: "prose" }));
  assert.deepEqual([...taskLabels([...needles, ...raw]).values()], [
    "niah",
    "niah no-needle",
    "niah wrong-key",
    "ruler/vt raw=true",
    "ruler/vt raw=false",
  ]);
});

Deno.test("runs of other moments, data or scorers never share a board", () => {
  const study = studyOf([
    runOf(),
    runOf({ config: { moment: "query-agnostic" } }),
    runOf({ config: { dataMode: "official" } }),
  ]);
  assert.equal(boardsOf(study).length, 3);
  assert.equal(warningsOf(study).filter((text) => text.includes("cannot be compared")).length, 2);
});

Deno.test("a cell that two runs have is one, with the samples of both", () => {
  const first = runOf({ tasks: ["ruler/vt"], done: 30 }), second = runOf({ tasks: ["ruler/vt"] });
  const study = studyOf([first, second]);
  assert.equal(study.cells.length, 7);
  assert.equal(study.cells[0]!.observations.size, 50);
});

Deno.test("a quantised cache is an arm, compared with the full cache that is not", () => {
  const plain = runOf({ arms: ARMS.slice(0, 1) });
  const int4 = runOf({ arms: [ARMS[0]!, ARMS[2]!], config: { kvType: "int4" } });
  const { arms, full } = board(studyOf([plain, int4]));
  assert.deepEqual(arms.map(({ arm }) => arm.label), ["full", "full int4", "rocketkv 256 int4"]);
  assert.equal(full!.arm.label, "full");
  assert(arms.every(({ cells }) => cells.every((cell) => cell.full!.config.kvType === "bf16")));
});

Deno.test("seeds have a mean and a standard deviation of their own", () => {
  const runs = [1, 2, 3].map((seed) => runOf({ tasks: ["ruler/vt"], config: { seed } }));
  const { cells } = armOf(board(studyOf(runs)), "snapkv 256");
  const scores = cells.map((cell) => scoreOf([cell])!.value), center = mean(scores);
  const spread = seedSpread(cells)!;
  close(spread.mean, center);
  close(spread.deviation, Math.sqrt(scores.reduce((sum, score) => sum + (score - center) ** 2, 0) / 2));
  assert.equal(seedSpread(cells.slice(0, 1)), null);
});

Deno.test("at equal bytes a method is read off between two of its budgets, sample by sample", () => {
  const study = board(studyOf([runOf({ tasks: ["ruler/vt"], samples: 200 })]));
  const ours = armOf(study, "rocketkv 256"); // 13x: between snapkv 512 at 8x and 256 at 16x
  const duel = duelsOf(study, ours).find(({ series }) => series === "snapkv")!;
  const score = (label: string) => scoreOf(armOf(study, label).cells)!.value;
  const share = Math.log(13 / 16) / Math.log(8 / 16);
  close(
    duel.delta.value,
    score("rocketkv 256") - (score("snapkv 256") + share * (score("snapkv 512") - score("snapkv 256"))),
  );
  assert.equal(duel.nearest, false);
  close(duel.read, duel.theirRead);
  const streaming = duelsOf(study, ours).find(({ series }) => series === "streaming")!;
  assert.equal(streaming.nearest, true);
  close(streaming.theirRead / streaming.read, 13 / 15);
});

Deno.test("the verdict names the smallest budget that keeps the score, and what others lose at equal bytes", () => {
  const verdict = verdictOf(board(studyOf([runOf({ samples: 200 })])))!;
  assert.equal(verdict.arm.arm.label, "rocketkv 256");
  assert.match(
    verdict.headline.text,
    /^rocketkv at 256 tokens keeps \d+\.\d % of the full cache's score at 13\.0× fewer bytes read/,
  );
  assert.match(verdict.rivals[0]!.text, /^snapkv at equal bytes loses \d+\.\d points \(p < 0\.001\)\.$/);
  assert.match(verdict.rivals[1]!.text, /^streaming reading 0\.87× the bytes loses/);
});

Deno.test("the verdict says when nothing can be told", () => {
  const same: ArmData[] = [
    ARMS[0]!,
    { method: "rocketkv", budget: "256", ratio: 13, rate: until(0.95) },
    { method: "snapkv", budget: "256", ratio: 13, rate: until(0.94) },
  ];
  const close = verdictOf(board(studyOf([runOf({ arms: same })])))!;
  assert.match(close.headline.text, /none of 100 answers differs\)\.$/);
  assert.match(close.rivals[0]!.text, /^snapkv at equal bytes: no difference can be told/);
  const few = same.map((arm, i) => i === 1 ? { ...arm, rate: until(0.8) } : arm);
  const wide = verdictOf(
    board(studyOf([runOf({ tasks: ["ruler/vt"], arms: few, samples: 10, config: { seed: 3 } })])),
  )!;
  assert.equal(wide.headline.tone, "open");
  assert.match(wide.headline.text, /too few samples to tell it from chance, p = /);
  const hopeless = same.map((arm) => ({ ...arm, rate: until(0) }));
  assert.match(verdictOf(board(studyOf([runOf({ arms: hopeless })])))!.headline.text, /full cache itself scores 0/);
});

Deno.test("RULER's averages are there with all of its thirteen tasks, and only then", () => {
  const named = (tasks: readonly string[]) => {
    const own = board(studyOf([runOf({ tasks, lengths: [4096, 8192], samples: 5, arms: ARMS.slice(0, 1) })]));
    return new Map(aggregatesOf(own, own.arms[0]!).map((one) => [`${one.name} ${one.length ?? "all"}`, one]));
  };
  const all = named(RULER_TASKS.map((task) => `ruler/${task}`));
  close(all.get("mean of 13 all")!.value, all.get("mean all")!.value!);
  const [short, long] = ["4096", "8192"].map((length) => all.get(`mean of 13 ${length}`)!.value!);
  close(all.get("wAvg (inc) all")!.value, (short! + 2 * long!) / 3);
  assert.equal(all.get("effective length all")!.unit, "tokens");
  const some = named(["ruler/vt", "ruler/cwe"]);
  assert.equal(some.get("mean of 13 all")!.value, null);
  assert.equal(some.get("mean of 13 all")!.asked, false);
  assert.equal(some.get("mean of 13 4096")!.lacks.length, 11);
});

Deno.test("LongBench's and SCBench's averages have their names, and say what they lack", () => {
  const averages = (task: string) => {
    const own = board(studyOf([runOf({ tasks: [task], turns: 2, arms: ARMS.slice(0, 1), samples: 10 })]));
    return aggregatesOf(own, own.arms[0]!);
  };
  const longbench = averages("longbench/hotpotqa");
  const sixteen = longbench.find(({ name }) => name === "16 data sets")!;
  close(sixteen.value, longbench[0]!.value!);
  assert.equal(sixteen.lacks.length, 15);
  assert(!longbench.some(({ name }) => name.startsWith("LongBench-E")));
  const even = averages("longbench/hotpotqa_e").filter(({ name }) => name.startsWith("LongBench-E"));
  assert.deepEqual(even.map(({ name, lacks }) => [name, lacks.length]), [
    ["LongBench-E 0-4k", 13],
    ["LongBench-E 4-8k", 13],
    ["LongBench-E 8k+", 12],
  ]);
  assert.equal(averages("scbench/kv").find(({ name }) => name === "RocketKV's sum / 11")!.value, null);
  const v2 = averages("longbench-v2");
  assert.deepEqual(v2.slice(1).map(({ name }) => name), [
    "overall",
    "easy",
    "hard",
    "short",
    "medium",
    "long",
    "compensated",
  ]);
  close(v2.find(({ name }) => name === "overall")!.value, v2[0]!.value!);
});
