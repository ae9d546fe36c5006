import assert from "node:assert/strict";
import { analysisCharts } from "../../lib/analyze/charts.ts";
import { findNeedle } from "../../lib/analyze/needle.ts";
import { HeadTally, OverlapTally, UniqueTally } from "../../lib/analyze/tally.ts";
import { countWithin, jaccard, RankedWeights } from "../../lib/analyze/weights.ts";
import { renderPng, renderSvg } from "../../lib/chart/render.ts";

const close = (found: number, wanted: number) => assert(Math.abs(found - wanted) < 1e-6, `${found} is not ${wanted}`);
const weights = () => new RankedWeights(Float32Array.from([0.1, 0.5, 0.1, 0.3]));

Deno.test("mass and recall of a selection, worked by hand", () => {
  const full = weights();
  close(full.mass([1, 2]), 0.6);
  assert.equal(full.recall([1, 2]), 0.5); // the two best are 1 and 3
  assert.equal(full.recall([0, 1, 3]), 1); // of the equal 0 and 2 the lower position is the better one
  assert.equal(full.recall([]), 0);
  assert.deepEqual(full.best(2), [1, 3]);
});

Deno.test("overlap counts common positions of two ascending lists over all of theirs", () => {
  assert.equal(jaccard([1, 2, 3], [2, 3, 4]), 0.5);
  assert.equal(jaccard([1], [2]), 0);
  assert.equal(jaccard([], []), 1);
  assert.equal(countWithin([1, 4, 5, 9], [4, 9]), 2);
});

Deno.test("tallies are means over steps and query heads", () => {
  const tally = new HeadTally(3, 1, [2, 4]);
  tally.add(weights(), Int32Array.of(0, 1, 2, 3), Int32Array.of(1, 3));
  tally.add(weights(), Int32Array.of(0, 1, 2), Int32Array.of(0));
  const report = tally.report();
  assert.equal(report.attended, 1.5);
  close(report.mass, (0.8 + 0.1) / 2);
  assert.equal(report.recall, 0.5);
  assert.equal(report.needleCached, 0.75);
  assert.equal(report.needleAttended, 0.25);
  assert.equal(new HeadTally(0, 0, null).report().needleCached, null);

  const overlap = new OverlapTally(2);
  overlap.add([Int32Array.of(1, 2), Int32Array.of(2, 3)]);
  close(overlap.report()[0]![1]!, 1 / 3);
  assert.equal(overlap.report()[1]![1], 1);

  const unique = new UniqueTally(2);
  unique.add(0, 0, weights());
  unique.add(1, 0, new RankedWeights(Float32Array.from([0.9, 0.5, 0, 0])));
  assert.deepEqual(unique.report(), [2, 3]);
});

Deno.test("a needle is found by its tokens, and a text that is not there is refused", () => {
  const bytes = new TextEncoder().encode("the key is 42, the door is 7");
  const ids = Array.from({ length: 14 }, (_, i) => i); // two bytes a token
  const decode = (part: readonly number[]) =>
    new TextDecoder().decode(Uint8Array.from(part.flatMap((id) => [...bytes.subarray(2 * id, 2 * id + 2)])));
  const [begin, end] = findNeedle({ decode }, ids, "is 42");
  assert.equal(decode(ids.slice(begin, end)), "is 42,"); // whole tokens
  assert.throws(() => findNeedle({ decode }, ids, "43"), /expected a part of the prompt/);
});

Deno.test("every chart of an analysis becomes an SVG with its numbers and a PNG", async () => {
  const head = (layer: number, kvHead: number) => ({
    layer,
    kvHead,
    mass: 0.5,
    recall: 0.25,
    attended: 8,
    needleCached: 1,
    needleAttended: 0.5,
  });
  const heads = [head(0, 0), head(0, 1), head(1, 0), head(1, 1)];
  const of = (method: string) => ({ ...head(0, 0), method, tokenBudget: 16, heads });
  const charts = analysisCharts({
    promptTokens: 100,
    needle: [3, 5],
    continuation: [1, 2],
    methods: [of("rocketkv"), of("snapkv")],
    overlap: [[1, 0.4], [0.4, 1]],
    uniqueTopK: { k: 8, steps: [8, 12] },
  });
  assert.deepEqual(Object.keys(charts).sort(), [
    "mass",
    "needle_attended",
    "needle_cached",
    "overlap",
    "recall",
    "unique_top_k",
  ]);
  for (const [name, spec] of Object.entries(charts)) {
    const svg = await renderSvg(spec);
    if (name !== "unique_top_k") assert.match(svg, /snapkv 16/, name);
    assert.doesNotMatch(svg, /NaN|undefined/, name);
    if (name === "mass") assert.equal(svg.match(/aria-roledescription="rect mark"/g)?.length, 2 * heads.length);
  }
  const png = await renderPng(await renderSvg(charts["overlap"]!));
  assert.deepEqual([...png.subarray(0, 8)], [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
});
