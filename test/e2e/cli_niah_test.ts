/** `rocketkv niah` on a model that finds needles: what is lost is what the cache lost. */
import assert from "node:assert/strict";
import { niahCellRows } from "../../lib/report/tables/niah_cells.ts";
import { studyOf } from "../../lib/report/study.ts";
import { readRun } from "../../lib/sweep/folder/folder.ts";
import type { CellResults } from "../../lib/sweep/folder/manifest.ts";
import { makeNeedleModel } from "../../scripts/make_needle_model.ts";
import { rocketkv } from "./cli_process.ts";

async function withNeedleModel(body: (model: string, folder: string) => Promise<void>): Promise<void> {
  const folder = Deno.makeTempDirSync({ prefix: "rocketkv-niah-" });
  try {
    makeNeedleModel(`${folder}/needle`);
    await body(`${folder}/needle`, folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

const DEPTHS = [0, 20, 40, 60, 80, 100];

/** By depth: in which samples the needle was found. */
function found({ predictions }: CellResults): Map<number, boolean> {
  return new Map(predictions.map(({ depth, scores }) => [depth!, scores!.score === 1]));
}

Deno.test("the full cache finds every needle, a window those that lie in it", () =>
  withNeedleModel(async (model, folder) => {
    const out = `${folder}/run`, budget = 512;
    const args = [
      ...["niah", "-m", model, "--length", "1024,2048", "--depth", DEPTHS.join(","), "--samples", "1", "-o", out],
      ...["--method", "rocketkv,streaming", "--budget", `${budget}`, "--device", "cpu", "--threads", "2"],
    ];
    const { code, stdout, stderr } = await rocketkv(args);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /streaming 512/);
    assert(!stderr.includes("\x1b"), "maps are for terminals");

    const run = await readRun(out);
    const of = (method: string) => run.cells.filter(({ config }) => config.method === method);
    assert.equal(run.cells.length, 3 * 2);
    for (const method of ["full", "rocketkv"]) {
      for (const cell of of(method)) assert.deepEqual([...found(cell).values()], DEPTHS.map(() => true), method);
    }
    for (const cell of of("streaming")) {
      // The window holds the end of the prompt, where the question is. A needle is found where it lies in it as a whole, so
      // that all of the key's tokens were kept: then no layer lost a token that the answer rests on.
      const kept = new Map(
        cell.predictions.map(({ depth, cache }) => [depth!, cache!.goldKept!.every((one) => one === 1)]),
      );
      assert.deepEqual(found(cell), kept, cell.config.length!);
      const places = [...kept.values()];
      assert(places.includes(true) && places.includes(false));
      assert.deepEqual(places, places.toSorted(), "the deepest ones are kept");
    }

    const rows = niahCellRows(studyOf([run]));
    assert.equal(rows.length, 3 * 2 * DEPTHS.length);
    assert.equal(Deno.readTextFileSync(`${out}/tables/niah_cells.csv`).trimEnd().split("\n").length, rows.length + 1);
    const full = rows.filter(({ arm }) => arm === "full");
    assert(full.every(({ foundMean, partialMean }) => foundMean === 1 && partialMean === 1));
    assert(full.every(({ logpMean }) => Number(logpMean) > -1), JSON.stringify(full));
    for (const name of ["niah_needles", "niah_needles_difference", "niah_needles_streaming-512"]) {
      assert(Deno.statSync(`${out}/plots/${name}.svg`).size > 1000);
      assert(Deno.statSync(`${out}/plots/${name}.png`).size > 1000);
    }

    const again = await rocketkv(args);
    assert.equal(again.code, 0, again.stderr);
    assert.equal(again.stdout, stdout);
    assert.deepEqual((await readRun(out)).cells, run.cells);
  }));

Deno.test("where nothing, or another's key, is hidden, the model makes none up", () =>
  withNeedleModel(async (model, folder) => {
    const out = `${folder}/run`;
    const { code, stderr } = await rocketkv([
      ...["niah", "-m", model, "--length", "1024", "--depth", "30", "--samples", "2", "-o", out, "--method", "full"],
      ...[
        "--no-needle",
        "--wrong-key",
        "--distractors",
        "2",
        "--key",
        "words",
        "--haystack",
        "noise",
        "--device",
        "cpu",
      ],
    ]);
    assert.equal(code, 0, stderr);
    const { cells } = await readRun(out);
    const scores = Object.fromEntries(cells.map(({ config, predictions }) => [
      config.task.options.arm,
      predictions.map(({ scores }) => scores!.score),
    ]));
    assert.deepEqual(scores, { "needle": [1, 1], "no-needle": [1, 1], "wrong-key": [1, 1] });
    const wrong = cells.find(({ config }) => config.task.options.arm === "wrong-key")!;
    assert.deepEqual(wrong.predictions.map(({ scores }) => scores!.falsePositive), [0, 0]);
  }));

Deno.test("a preset is a grid that other flags change", () =>
  withNeedleModel(async (model, folder) => {
    const out = `${folder}/run`;
    const { code, stderr } = await rocketkv([
      ...["niah", "-m", model, "--preset", "rocketkv-paper-32k", "--length", "64w,100w", "--depth", "50", "-o", out],
      ...["--method", "full", "--device", "cpu"],
    ]);
    assert.equal(code, 0, stderr);
    const { cells } = await readRun(out);
    assert.deepEqual(cells.map(({ config }) => config.length), ["64w", "100w"]);
    assert.equal(cells[0]!.predictions.length, 3);
    const { raw, snap, newTokens, key, depths } = cells[0]!.config.task.options;
    assert.deepEqual({ raw, snap, newTokens, key, depths }, {
      raw: true,
      snap: "word",
      newTokens: 128,
      key: "digits:7",
      depths: [50],
    });
  }));

Deno.test("options that cannot be used are refused", async () => {
  for (
    const [args, message] of [
      [["--depth", "120"], "must be percents from 0 to 100"],
      [["--preset", "paper"], "rocketkv-paper"],
      [["--length", "12x"], 'Cannot use length "12x"'],
      [["--needles", "30", "--distractors", "5"], "between 0 and 1"],
    ] as const
  ) {
    const { code, stderr } = await rocketkv(["niah", "-m", "nowhere", ...args]);
    assert.equal(code, 2, stderr);
    assert(stderr.includes(message), stderr);
  }
});
