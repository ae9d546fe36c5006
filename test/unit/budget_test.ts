import assert from "node:assert/strict";
import { adaptiveAlpha, attendedHalf, compressionOf, pageNumbers, rocketSplit } from "../../lib/methods/budget.ts";
import { budgetTokens, formatBudget, parseBudget, parseRatio } from "../../lib/methods/budget_spec.ts";

// total tokens, budget, new tokens | compression, alpha | capacity, prompt budget, top-k, page size, query dims | head dim
const SPLITS: [number, number, number, number, number, number, number, number, number, number, number?][] = [
  [16384, 256, 128, 64, .56, 1595, 1467, 128, 3, 61],
  [16440, 256, 50, 64.2188, .5603, 1596, 1546, 128, 3, 61],
  [16440, 1024, 50, 16.0547, .4403, 4842, 4792, 512, 3, 81],
  [16440, 4096, 50, 4.0137, .3203, 10533, 10483, 2048, 2, 99],
  [31800, 256, 50, 124.2188, .6174, 1619, 1569, 128, 3, 60],
  [65592, 256, 50, 256.2188, .6801, 1509, 1459, 128, 3, 65],
  [96312, 256, 50, 376.2188, .7133, 1401, 1351, 128, 3, 70],
  [96312, 512, 50, 188.1094, .6533, 3145, 3095, 256, 3, 62],
  [96312, 4096, 50, 23.5137, .4733, 21607, 21557, 2048, 3, 72],
  [131072, 256, 128, 512, .74, 1296, 1168, 128, 3, 75],
  [131072, 1024, 128, 128, .62, 6472, 6344, 512, 3, 60],
  [131072, 4096, 128, 32, .5, 23170, 23042, 2048, 3, 67],
  [1048576, 256, 128, 4096, .8, 1351, 1223, 128, 3, 72],
  [8192, 512, 512, 16, .44, 2418, 1906, 256, 3, 81],
  [4096, 1024, 128, 4, .32, 2628, 2500, 512, 2, 99],
  [4096, 2048, 128, 2, .26, 3420, 3292, 1024, 1, 76],
  [4096, 4096, 128, 1, .2, 4096, 3968, 2048, 1, 128],
  [4000, 4096, 128, 1, .2, 4000, 3872, 2048, 1, 128],
  [10000, 259, 100, 38.61, .5163, 1516, 1416, 129, 3, 65],
  [1000, 256, 512, 3.9062, .3179, 1000, 488, 128, 2, 65],
  [600, 512, 512, 1.1719, .2137, 600, 88, 256, 1, 109],
  [2048, 64, 512, 32, .5, 1024, 512, 32, 4, 32],
  [600, 64, 512, 9.375, .3937, 600, 88, 32, 4, 54],
  [4096, 16, 4096, 256, .68, 4096, 0, 8, 16, 8],
  [148, 256, 128, 1, .2, 148, 20, 128, 1, 128],
  [16384, 256, 128, 64, .56, 1595, 1467, 128, 3, 30, 64],
  [16384, 256, 128, 64, .56, 1595, 1467, 128, 3, 123, 256],
];

Deno.test("rocketSplit() and pageNumbers() give the numbers of the accuracy code", async (t) => {
  for (const [total, budget, fresh, c, alpha, capacity, prompt, topK, page, dims, headDim = 128] of SPLITS) {
    await t.step(`${total} tokens, budget ${budget}, ${fresh} new, head dim ${headDim}`, () => {
      const split = rocketSplit(budget, total, fresh);
      assert(Math.abs(split.compression - c) < 1e-4);
      assert(Math.abs(split.alpha - alpha) < 1e-4);
      assert.equal(split.capacity, capacity);
      assert.equal(split.promptBudget, prompt);
      assert.equal(attendedHalf(budget), topK);
      assert.deepEqual(pageNumbers(compressionOf(budget, split.capacity), headDim), {
        pageSize: page,
        queryDims: dims,
      });
    });
  }
});

Deno.test("rocketSplit() takes a fixed exponent", () => {
  const numbers = (alpha: number) => {
    const { capacity } = rocketSplit(256, 96312, 50, alpha);
    return [capacity, ...Object.values(pageNumbers(capacity / 256, 128))];
  };
  assert.deepEqual(numbers(.3), [16257, 8, 16]);
  assert.deepEqual(numbers(.5), [4965, 5, 32]);
  assert.deepEqual(numbers(.7), [1516, 3, 64]);
});

Deno.test("adaptiveAlpha() leaves eviction and selection what the paper says", () => {
  for (
    const [c, alpha, evict, select] of [
      [2, .26, 1.1975, 1.6702],
      [8, .38, 2.2038, 3.6301],
      [64, .56, 10.2674, 6.2333],
      [1024, .8, 256, 4],
      [2048, .8, 445.72, 4.5948],
    ] as const
  ) {
    assert(Math.abs(adaptiveAlpha(c) - alpha) < 1e-12);
    assert(Math.abs(c ** adaptiveAlpha(c) / evict - 1) < 1e-4);
    assert(Math.abs(c ** (1 - adaptiveAlpha(c)) / select - 1) < 1e-4);
  }
});

Deno.test("pageNumbers() divides a compression between pages and dims", () => {
  for (
    const [total, budget, page, dims] of [
      [8192, 256, 6, 24],
      [32768, 512, 8, 16],
      [32768, 1024, 6, 24],
      [65536, 2048, 6, 24],
      [131072, 256, 23, 5],
      [131072, 1024, 12, 12],
    ] as const
  ) {
    assert.deepEqual(pageNumbers(compressionOf(budget, total), 128), { pageSize: page, queryDims: dims });
  }
  assert.deepEqual(pageNumbers(1, 128), { pageSize: 1, queryDims: 128 });
  assert.deepEqual(pageNumbers(1.5, 128), { pageSize: 1, queryDims: 85 });
  assert.deepEqual(pageNumbers(4, 128), { pageSize: 2, queryDims: 64 });
  assert.deepEqual(pageNumbers(1e6, 8), { pageSize: 1000, queryDims: 1 });
  assert.deepEqual(pageNumbers(6, 128, 12), { pageSize: 12, queryDims: 128 }, "no more dims than there are");
});

Deno.test("attendedHalf() rounds down and never attends to nothing", () => {
  assert.deepEqual([1, 2, 3, 257, 259].map(attendedHalf), [1, 1, 1, 128, 129]);
});

Deno.test("rocketSplit() spends the budget, half on scoring and half on attending", () => {
  for (const total of [8192, 16440, 65592, 131072, 1048576]) {
    for (const budget of [256, 512, 1024, 2048, 4096]) {
      const { capacity } = rocketSplit(budget, total, 50);
      const { pageSize, queryDims } = pageNumbers(compressionOf(budget, capacity), 128);
      const spent = Math.ceil(capacity / pageSize) * queryDims / 256 + attendedHalf(budget);
      assert(Math.abs(spent / budget - 1) < .02, `${total} at ${budget} spends ${spent}`);
      assert(pageSize <= compressionOf(budget, capacity));
    }
  }
});

Deno.test("rocketSplit() keeps less for a smaller budget, and never more than there is", () => {
  for (const total of [100, 4096, 131072]) {
    let last = Infinity;
    for (let budget = total; budget >= 1; budget = Math.floor(budget / 2)) {
      const { capacity } = rocketSplit(budget, total, 20);
      assert(capacity <= Math.min(last, total));
      last = capacity;
    }
  }
});

Deno.test("parseBudget() reads whole tokens and refuses everything else", () => {
  assert.deepEqual(parseBudget("256"), { kind: "tokens", tokens: 256 });
  const refusal = (text: string) => `Cannot use --budget "${text}": it must be an integer >= 1, in tokens`;
  for (const text of ["0", "-1", "2k", "1.5", "", "1e3", "99999999999"]) {
    assert.throws(() => parseBudget(text), { name: "UsageError", message: refusal(text) });
  }
  assert.throws(() => parseBudget("64x"), { name: "UsageError", message: `${refusal("64x")}: --ratio takes 64x` });
});

Deno.test("parseRatio() reads 64x and 64, and refuses what would not compress", () => {
  assert.deepEqual(parseRatio("64x"), { kind: "ratio", ratio: 64 });
  assert.deepEqual(parseRatio("64"), { kind: "ratio", ratio: 64 });
  assert.deepEqual(parseRatio("1.5X"), { kind: "ratio", ratio: 1.5 });
  for (const text of ["0", "0.5", "-4x", "x", "", "64xx", "NaN", "1/64", "9".repeat(400)]) {
    assert.throws(() => parseRatio(text), /Cannot use --ratio ".*": it must be a number >= 1, such as 64x/);
  }
});

Deno.test("budgetTokens() reaches the ratio over prompt and new tokens, with one token at least", () => {
  assert.equal(budgetTokens(parseRatio("64x"), 16256, 128), 256);
  assert.equal(budgetTokens(parseRatio("64x"), 16255, 128), 255);
  assert.equal(budgetTokens(parseRatio("1000"), 10, 1), 1);
  assert.equal(budgetTokens(parseRatio("1"), 100, 28), 128);
  assert.equal(budgetTokens(parseBudget("77"), 10, 1), 77);
});

Deno.test("formatBudget() writes what the parsers read", () => {
  assert.equal(formatBudget(parseBudget("256")), "256");
  assert.equal(formatBudget(parseRatio("1.5x")), "1.5x");
  assert.deepEqual(parseRatio(formatBudget(parseRatio("64"))), parseRatio("64"));
});
