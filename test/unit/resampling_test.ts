import assert from "node:assert/strict";
import { placeOn } from "../../lib/report/equal_bytes.ts";
import { mean } from "../../lib/statistics.ts";
import { averageResamples, percentileInterval, resampledMeans } from "../../lib/statistics/bootstrap.ts";
import { clusteredWilson, wilson } from "../../lib/statistics/intervals.ts";
import { mcNemar, signFlip } from "../../lib/statistics/paired.ts";
import { randomWords } from "../../lib/statistics/random.ts";

const close = (found: number, wanted: number, within: number) =>
  assert(Math.abs(found - wanted) <= within, `${found} is not within ${within} of ${wanted}`);
const alone = (values: readonly number[]) => values.map((value) => [value]);

Deno.test("randomWords() gives the same words for a label, others for another, and all bits evenly", () => {
  const next = randomWords("a"), again = randomWords("a"), other = randomWords("b");
  const words = Array.from({ length: 20_000 }, next);
  assert.deepEqual(Array.from({ length: 20_000 }, again), words);
  assert.notEqual(other(), words[0]);
  for (let bit = 0; bit < 32; bit++) close(mean(words.map((word) => word >>> bit & 1)), 0.5, 0.02);
});

Deno.test("percentileInterval() of resampled means is the normal interval for many values", () => {
  const values = Array.from({ length: 400 }, (_, i) => (i % 20) / 19);
  const [low, high] = percentileInterval(resampledMeans(alone(values), "x"));
  const center = mean(values), error = Math.sqrt(mean(values.map((x) => (x - center) ** 2)) / values.length);
  close(low, center - 1.96 * error, 0.15 * error);
  close(high, center + 1.96 * error, 0.15 * error);
});

Deno.test("resampledMeans() draws what shares a context together: copies of a value make nothing surer", () => {
  const values = Array.from({ length: 50 }, (_, i) => i % 10);
  const once = percentileInterval(resampledMeans(alone(values), "x"));
  const thrice = percentileInterval(resampledMeans(values.map((value) => [value, value, value]), "x"));
  assert.deepEqual(thrice, once);
});

Deno.test("averageResamples() of two strata is as sure as their mean", () => {
  const values = Array.from({ length: 200 }, (_, i) => i % 2);
  const width = (means: Float64Array) => {
    const [low, high] = percentileInterval(means);
    return high - low;
  };
  const one = resampledMeans(alone(values), "a"), two = resampledMeans(alone(values), "b");
  close(width(averageResamples([one, two])), width(one) / Math.SQRT2, 0.01);
});

Deno.test("clusteredWilson() is Wilson's interval where every value has its own context", () => {
  assert.deepEqual(clusteredWilson(alone([1, 0, 1, 1])), wilson(3, 4));
});

Deno.test("clusteredWilson() counts contexts where their values agree, and is never of width 0", () => {
  const agree = [...Array<number[]>(6).fill([1, 1, 1, 1]), ...Array<number[]>(4).fill([0, 0, 0, 0])];
  const [low, high] = clusteredWilson(agree), [wantedLow, wantedHigh] = wilson(6, 10);
  close(low, wantedLow, 0.02);
  close(high, wantedHigh, 0.02);
  const [least, most] = clusteredWilson(Array<number[]>(5).fill([1, 1]));
  assert(least < 0.8 && most === 1, `${least}, ${most}`);
});

Deno.test("mcNemar() is the exact binomial test of the discordant samples", () => {
  assert.equal(mcNemar(0, 0), 1);
  assert.equal(mcNemar(4, 4), 1);
  close(mcNemar(0, 5), 2 / 32, 1e-12);
  close(mcNemar(9, 1), 2 * 11 / 1024, 1e-12); // by hand: (10 over 0) + (10 over 1) of 2^10
  assert.equal(mcNemar(3, 8), mcNemar(8, 3));
  assert(mcNemar(400, 600) < 1e-9);
});

Deno.test("signFlip() of a few clusters is exact, and agrees with McNemar's test on ones and zeros", () => {
  close(signFlip([alone([1, 1, 1, 1, 1, 0, 0])], "x"), 2 / 32, 1e-12);
  close(signFlip([alone([-1, 1, 1, 1, 1, 1])], "x"), mcNemar(5, 1), 1e-12);
  assert.equal(signFlip([alone([0, 0])], "x"), 1);
});

Deno.test("signFlip() of many clusters is near the exact test", () => {
  const differences = [...Array<number>(26).fill(1), ...Array<number>(14).fill(-1)];
  close(signFlip([alone(differences)], "x"), mcNemar(26, 14), 0.01);
});

Deno.test("signFlip() of clusters counts a context once", () => {
  const together = signFlip([[[1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1]]], "x");
  close(together, 2 / 8, 1e-12);
});

Deno.test("placeOn() reads between two budgets, by logarithms, and says when it can only name the nearest", () => {
  const curve = [{ read: 400 }, { read: 100 }];
  assert.deepEqual(placeOn(curve, 200), {
    low: { read: 100 },
    high: { read: 400 },
    share: 0.5,
    read: 200,
    nearest: false,
  });
  assert.deepEqual(placeOn(curve, 50), {
    low: { read: 100 },
    high: { read: 100 },
    share: 0,
    read: 100,
    nearest: true,
  });
  assert.equal(placeOn(curve, 900).read, 400);
  const exact = placeOn(curve, 400);
  assert(exact.low === exact.high && !exact.nearest);
});
