import assert from "node:assert/strict";
import type { PlanInput } from "../../lib/methods/method.ts";
import { DENSE, MAX_WINDOW, OBSERVE_FROM, type Plan, planOfLayer } from "../../lib/methods/plan.ts";
import { findMethod, methods, wrappers } from "../../lib/methods/registry.ts";
import { methodFiles } from "../support/method_files.ts";

/** Llama-3.1-8B with a 16K prompt at 64x. */
const INPUT: PlanInput = {
  tokenBudget: 256,
  promptTokens: 16256,
  newTokens: 128,
  headDim: 128,
  group: 4,
  nLayers: 32,
  nKvHeads: 8,
  set: {},
  files: methodFiles({ nLayers: 32, nKvHeads: 8, group: 4 }),
};

/** The plan of a method that has the same for all layers. */
function plan(name: string, changes: Partial<PlanInput> = {}): Plan {
  const [first, ...rest] = findMethod(name).plan({ ...INPUT, ...changes });
  assert.equal(rest.length, 0, `${name} plans layers apart`);
  return first;
}

/** Every method, and every wrapper and combination at least once. */
const all = [
  ...methods,
  ...[...wrappers.map(({ name }) => name), "adakv(criticalkv(expected-attention))", "criticalkv(pyramidkv)"].map(
    findMethod,
  ),
  ...["adakv(rocketkv)", "minference+rocketkv", "minference+adakv(snapkv)"].map(findMethod),
];

/** Those that decode with less than the full cache. */
const compressing = all.filter(({ name }) => name !== "full" && name !== "minference");

/** The ranges that `cuda/include/rocketkv.h` gives, checked here without the code under test. */
function assertValid(p: Plan, { headDim, promptTokens }: PlanInput): void {
  const whole = [p.keep, p.window, p.poolWidth, p.sinks, p.pageSize, p.queryDims, p.topK, p.stepKeep];
  assert(whole.every(Number.isSafeInteger), `not whole: ${whole}`);
  if (p.evict !== "none") assert(p.keep >= 1);
  if (p.evict === "score") {
    if (p.stepKeep === 0) assert(p.keep < promptTokens, "an eviction that cannot happen");
    assert(p.sinks + p.recent <= p.keep);
    assert.equal(p.poolWidth % 2, 1);
    if (p.score === "votes") assert(p.window >= 1 && p.window <= MAX_WINDOW && p.recent <= p.window);
  }
  if (p.evict === "recent") assert(p.sinks < p.keep);
  if (p.stepKeep > 0) assert(p.sinks < p.stepKeep && p.select !== "pages" && !p.keepHistory);
  if (p.select === "all") return;
  assert(p.topK >= 1);
  assert(p.pinSinks + p.pinRecent <= p.topK);
  if (p.select === "exact") return;
  assert(p.pageSize >= 1);
  assert(p.queryDims >= 1 && p.queryDims <= headDim);
}

for (const method of all) {
  Deno.test(`${method.name}.plan() is valid for every length, budget, head and output`, () => {
    for (const promptTokens of [1, 31, 32, 33, 128, 129, 1000, 131_072]) {
      for (const tokenBudget of [1, 2, 3, 16, 31, 32, 33, 64, 256, 999, 4096, 200_000]) {
        for (const headDim of [8, 64, 128, 256]) {
          for (const newTokens of [0, 1, 100, 4096]) {
            const input = { ...INPUT, promptTokens, tokenBudget, headDim, newTokens };
            const plans = method.plan(input);
            assert([1, input.nLayers].includes(plans.length));
            for (const result of plans) assertValid(result, input);
            if (tokenBudget >= promptTokens + newTokens) assert.deepEqual(plans, [DENSE]);
          }
        }
      }
    }
  });

  Deno.test(`${method.name}.plan() refuses a budget that is no whole number from 1 on`, () => {
    for (const tokenBudget of [0, -5, 1.5, NaN, Infinity]) {
      assert.throws(() => method.plan({ ...INPUT, tokenBudget }), /token budget must be an integer >= 1: found/);
    }
  });

  Deno.test(`${method.name}.plan() refuses settings it does not have, also when nothing is compressed`, () => {
    assert.throws(
      () => method.plan({ ...INPUT, tokenBudget: 1e6, set: { colour: 1 } }),
      (error: Error) =>
        error.name === "UsageError" && error.message.startsWith(`Cannot use --set colour=1: ${method.name} knows `),
    );
  });
}

for (const method of compressing) {
  Deno.test(`${method.name}.plan() leaves dense_layers alone and no more than there are`, () => {
    const plans = method.plan({ ...INPUT, set: { dense_layers: 2 } });
    assert.equal(plans.length, 32);
    const usual = method.plan({ ...INPUT, set: { dense_layers: 0 } });
    for (const [layer, own] of plans.entries()) {
      assert.deepEqual(own, layer < 2 ? DENSE : planOfLayer(usual, layer), `layer ${layer}`);
    }
    assert.throws(
      () => method.plan({ ...INPUT, set: { dense_layers: 33 } }),
      /dense_layers=33: it must be <= the model's layers: found 32/,
    );
  });

  Deno.test(`${method.name}.plan() is the full cache from the first budget that holds everything`, () => {
    assert.deepEqual(method.plan({ ...INPUT, tokenBudget: 16384 }), [DENSE]);
    assert.notDeepEqual(method.plan({ ...INPUT, tokenBudget: 16000 }), [DENSE]);
  });
}

Deno.test("full keeps everything at any budget", () => {
  assert.deepEqual(plan("full", { tokenBudget: 1 }), DENSE);
});

Deno.test("rocketkv evicts by votes and then selects by pages", () => {
  assert.deepEqual(plan("rocketkv"), {
    ...DENSE,
    evict: "score",
    keep: 1467,
    window: 32,
    recent: 32,
    poolWidth: 63,
    select: "pages",
    pageSize: 3,
    queryDims: 61,
    topK: 128,
  });
});

Deno.test("rocketkv-mt is rocketkv with a history and a wider window", () => {
  assert.deepEqual(plan("rocketkv-mt"), { ...plan("rocketkv"), window: 128, recent: 128, keepHistory: true });
});

Deno.test("rocketkv without eviction is hsa over the same tokens", () => {
  // 88 prompt tokens fit the prompt budget, because the output takes most of the capacity.
  const changes = { tokenBudget: 64, promptTokens: 88, newTokens: 512 };
  assert.deepEqual(plan("rocketkv", changes), plan("hsa", changes));
  assert.equal(plan("rocketkv", changes).evict, "none");
});

Deno.test("rocketkv keeps the window where the split leaves less", () => {
  const small = plan("rocketkv", { tokenBudget: 1, promptTokens: 1000, newTokens: 1 });
  assert.deepEqual([small.keep, small.window, small.topK], [32, 32, 1]);
  const wide = plan("rocketkv-mt", { tokenBudget: 1, promptTokens: 1000, newTokens: 1 });
  assert.deepEqual([wide.keep, wide.window], [128, 128]);
  assert.equal(plan("rocketkv", { tokenBudget: 1, promptTokens: 32, newTokens: 1 }).evict, "none");
  assert.equal(plan("rocketkv", { tokenBudget: 1, promptTokens: 33, newTokens: 1 }).keep, 32);
});

Deno.test("rocketkv keeps as many prompt tokens as there are new ones", () => {
  assert.equal(plan("rocketkv", { tokenBudget: 64, promptTokens: 1536, newTokens: 512 }).keep, 512);
});

Deno.test("snapkv spends the whole budget on kept tokens", () => {
  assert.deepEqual(plan("snapkv"), { ...DENSE, evict: "score", keep: 256, window: 32, recent: 32, poolWidth: 63 });
  assert.equal(plan("snapkv", { tokenBudget: 8 }).window, 8);
  assert.deepEqual(plan("snapkv", { tokenBudget: 200, promptTokens: 180 }), DENSE);
});

Deno.test("hsa divides the whole compression between pages and dims", () => {
  assert.deepEqual(plan("hsa"), { ...DENSE, select: "pages", pageSize: 8, queryDims: 16, topK: 128 });
});

Deno.test("quest scores pages as large as the compression over all dims", () => {
  assert.deepEqual(plan("quest"), { ...DENSE, select: "pages", pageSize: 64, queryDims: 128, topK: 128 });
  assert.equal(plan("quest", { tokenBudget: 250 }).pageSize, 66);
});

Deno.test("sparq scores single tokens over as few dims as the compression asks for, at least one", () => {
  assert.deepEqual(plan("sparq"), { ...DENSE, select: "pages", pageSize: 1, queryDims: 2, topK: 128 });
  assert.equal(plan("sparq", { promptTokens: 130_944 }).queryDims, 1);
});

Deno.test("streaming holds the budget with the current token, and room for sinks", () => {
  assert.deepEqual(plan("streaming"), { ...DENSE, evict: "recent", keep: 256, stepKeep: 256, sinks: 4 });
  assert.deepEqual([1, 2, 5].map((tokenBudget) => plan("streaming", { tokenBudget }).sinks), [0, 1, 4]);
});

Deno.test("oracle chooses per query head, oracle-group per KV head", () => {
  assert.deepEqual(plan("oracle"), { ...DENSE, select: "exact", topK: 256, rank: "per_head" });
  assert.deepEqual(plan("oracle-group"), { ...DENSE, select: "exact", topK: 256 });
});

Deno.test("settings replace the numbers they name and nothing else", () => {
  const cases: [string, Record<string, number>, Partial<Plan>][] = [
    ["rocketkv", { top_k: 64 }, { topK: 64 }],
    ["rocketkv", { window: 16 }, { window: 16, recent: 16 }],
    ["rocketkv", { kernel: 7 }, { poolWidth: 7 }],
    ["rocketkv", { pool: 1 }, { pool: "avg" }],
    ["rocketkv", { sinks: 4 }, { sinks: 4 }],
    ["rocketkv", { query_dims: 128 }, { queryDims: 128 }],
    ["rocketkv", { whole_pages: 1 }, { wholePages: true }],
    ["rocketkv", { pin_sinks: 2, pin_recent: 3 }, { pinSinks: 2, pinRecent: 3 }],
    ["rocketkv", { rank: 1 }, { rank: "logit_sum" }],
    ["quest", { sign: 1, page_size: 16 }, { sign: "head", pageSize: 16 }],
    ["oracle", { pin_recent: 1 }, { pinRecent: 1 }],
    ["streaming", { sinks: 0 }, { sinks: 0 }],
    ["snapkv", { prompt_budget: 100 }, { keep: 100 }],
    ["rocketkv", { decode_tail: 1 }, {}],
  ];
  for (const [name, set, changed] of cases) {
    assert.deepEqual(plan(name, { set }), { ...plan(name), ...changed }, `${name} with ${JSON.stringify(set)}`);
  }
});

Deno.test("settings that other numbers follow keep the budget", () => {
  // Twice the page size leaves twice the dims; a larger prompt budget leaves more to selection.
  assert.deepEqual(
    [plan("hsa", { set: { page_size: 16 } }).pageSize, plan("hsa", { set: { page_size: 16 } }).queryDims],
    [16, 32],
  );
  const roomy = plan("rocketkv", { set: { prompt_budget: 4096 } });
  assert.deepEqual([roomy.keep, roomy.pageSize, roomy.queryDims], [4096, 5, 38]);
  const half = plan("rocketkv", { set: { split: .5 }, promptTokens: 96262, newTokens: 50 });
  assert.deepEqual([half.keep, half.pageSize, half.queryDims], [4915, 5, 32]);
  // A window by hand raises the prompt budget; a prompt budget by hand shrinks the window.
  assert.equal(plan("rocketkv", { set: { window: 128 }, promptTokens: 1000, newTokens: 1, tokenBudget: 1 }).keep, 128);
  assert.equal(plan("rocketkv", { set: { prompt_budget: 16 } }).window, 16);
});

Deno.test("settings that cannot work together are refused with what was wanted and found", () => {
  const cases: [string, Record<string, number>, RegExp][] = [
    ["rocketkv", { window: 64, prompt_budget: 32 }, /window=64: it must be <= the prompt budget: found 32$/],
    ["snapkv", { window: 32, sinks: 250 }, /sinks \+ window must be <= prompt_budget: found 250 \+ 32 and 256$/],
    ["rocketkv", { kernel: 4 }, /--set kernel=4: kernel must be an odd integer >= 1$/],
    ["rocketkv", { window: 129 }, /--set window=129: window must be an integer between 1 and 128$/],
    ["rocketkv", { window: 1.5 }, /window must be an integer between 1 and 128$/],
    ["rocketkv", { split: 1.5 }, /split must be a number between 0 and 1$/],
    ["rocketkv", { query_dims: 200 }, /query_dims must be between 1 and the head dim 128: found 200$/],
    [
      "rocketkv",
      { pin_recent: 100, pin_sinks: 29 },
      /pin_sinks \+ pin_recent must be <= top_k: found 29 \+ 100 and 128$/,
    ],
    ["quest", { whole_pages: 1, page_size: 200 }, /whole_pages needs .* <= top_k: found 200 and 128$/],
    ["streaming", { sinks: 256 }, /sinks must be below the budget: found 256 and 256$/],
    ["hsa", { window: 8 }, /--set window=8: hsa knows page_size, /],
    ["hsa", { pagesize: 8 }, /--set pagesize=8: did you mean page_size\? hsa knows /],
  ];
  for (const [name, set, message] of cases) {
    assert.throws(() => plan(name, { set }), { name: "UsageError", message }, `${name} with ${JSON.stringify(set)}`);
  }
});

Deno.test("MAX_WINDOW and OBSERVE_FROM are the C header's", () => {
  const header = Deno.readTextFileSync(new URL("../../cuda/include/rocketkv.h", import.meta.url));
  assert.equal(/^#define RKV_MAX_WINDOW (\d+)$/m.exec(header)?.[1], `${MAX_WINDOW}`);
  assert.equal(/^#define RKV_OBSERVE_FROM (\d+)$/m.exec(header)?.[1], `${OBSERVE_FROM}`);
});
