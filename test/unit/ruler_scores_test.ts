/** RULER's metrics against what its own program gives, and its aggregates against its published table. */
import assert from "node:assert/strict";
import { matchAll, matchPart } from "../../lib/tasks/metrics/contains.ts";
import { rulerAggregate } from "../../lib/tasks/ruler/aggregate.ts";
import { RULER_TASKS } from "../../lib/tasks/ruler/recipes.ts";
import { mean } from "../../lib/statistics.ts";

Deno.test("match_all is the share of references that are in the answer, match_part whether any is", () => {
  const all = [["abc 1234567 xx", ["1234567", "9999999"]], ["7654321", ["7654321"]]] as const;
  assert.equal(
    mean(all.map(([answer, references]) => matchAll(answer, { metric: "match_all", references }).score)),
    0.75,
  );
  const part = [["The Yes", ["yes", "nope"]], ["no", ["x", "NO"]]] as const;
  assert.equal(
    mean(part.map(([answer, references]) => matchPart(answer, { metric: "match_part", references }).score)),
    1,
  );
});

const row = (means: readonly number[]) =>
  means.flatMap((score, i) => RULER_TASKS.map((task) => ({ task, length: 4096 * 2 ** i, score: score / 100 })));
const percent = (value: number | null) => value === null ? null : Math.round(value * 1000) / 10;

Deno.test("the published row of Llama-3.1-8B gives its published averages and effective length", () => {
  const found = rulerAggregate(row([95.5, 93.8, 91.6, 87.4, 84.7, 77.0]));
  assert.deepEqual([found.mean, found.weightedToLong, found.weightedToShort].map(percent), [88.3, 85.4, 91.3]);
  assert.equal(found.effectiveLength, 32_768);
});

Deno.test("a length without all tasks has no mean, and neither has the whole", () => {
  const found = rulerAggregate(row([90, 80]).slice(0, -1));
  assert.deepEqual(found.byLength.map(({ mean }) => percent(mean)), [90, null]);
  assert.equal(found.mean, null);
  assert.equal(found.effectiveLength, 4096);
  assert.equal(rulerAggregate(row([80])).effectiveLength, null);
});
