import assert from "node:assert/strict";
import { compareRuns, regressions } from "../../lib/report/compare.ts";
import { ARMS, runOf } from "../support/run_data.ts";

const [full, , rocketkv, , snapkv] = ARMS;

Deno.test("runs of the same configurations are compared cell by cell", () => {
  const { fields, arms, overall, unmatched } = compareRuns(runOf(), runOf());
  assert.deepEqual([fields, unmatched], [[], { a: [], b: [] }]);
  assert.equal(arms.length, ARMS.length);
  assert.deepEqual([overall!.value, overall!.n, overall!.p], [0, 700, 1]);
});

Deno.test("cells are partners in everything but the fields that differ; the same full cache is left out", () => {
  const a = runOf({ arms: [full!, rocketkv!] }), b = runOf({ arms: [full!, snapkv!] });
  const { fields, arms, overall } = compareRuns(a, b);
  assert.deepEqual(fields, [{ field: "method", a: ["rocketkv"], b: ["snapkv"] }]);
  assert.deepEqual(arms.map(({ a, b, pairs }) => [a, b, pairs.length]), [["rocketkv 256", "snapkv 256", 2]]);
  const lost = (run: typeof a) =>
    run.cells.filter(({ config }) => config.method !== "full").flatMap(({ predictions }) => predictions)
      .filter(({ scores }) => scores!.score === 0).length;
  assert(Math.abs(overall!.value - (lost(a) - lost(b)) / 100) < 1e-12);
  assert.equal(overall!.losses, lost(b) - lost(a));
});

Deno.test("cells with several partners are named, and compared with none", () => {
  const { arms, overall, unmatched } = compareRuns(
    runOf({ tasks: ["ruler/vt"], arms: [ARMS[1]!, ARMS[2]!] }),
    runOf({ tasks: ["ruler/vt"], arms: [ARMS[5]!] }),
  );
  assert.deepEqual([arms, overall], [[], null]);
  assert.deepEqual(unmatched, {
    a: ["rocketkv 128 on ruler/vt at 4096", "rocketkv 256 on ruler/vt at 4096"],
    b: ["snapkv 512 on ruler/vt at 4096"],
  });
});

Deno.test("samples of another seed are no pairs", () => {
  assert.equal(compareRuns(runOf(), runOf({ config: { seed: 7 } })).overall, null);
});

Deno.test("other models have other prompts, and the same samples", () => {
  const other = runOf({ config: { modelId: "f".repeat(16) } });
  const cells = other.cells.map((cell) => ({
    ...cell,
    predictions: cell.predictions.map((one) => ({ ...one, prompt: "x" })),
  }));
  assert.equal(compareRuns(runOf(), { ...other, cells }).overall!.n, 700);
});

Deno.test("a regression is one that the whole interval is beyond", () => {
  const worse = { ...rocketkv!, rate: (hard: number) => hard < 0.7 ? 1 : 0 };
  const comparison = compareRuns(runOf({ arms: [full!, rocketkv!] }), runOf({ arms: [full!, worse] }));
  const { delta } = comparison.arms.find(({ b }) => b === "rocketkv 256")!;
  const certain = -100 * delta!.interval![1];
  assert(certain > 0);
  assert.deepEqual(regressions(comparison, certain - 0.1).map(({ b }) => b), ["rocketkv 256"]);
  assert.deepEqual(regressions(comparison, certain + 0.1), []);
});
