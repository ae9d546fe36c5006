/** Every field of a plan has a range, and some cannot go together: what the library says about them. */
import assert from "node:assert/strict";
import { DENSE, type LayerPlans, type Plan } from "../../lib/methods/plan.ts";
import { loadTiny, randomTokens } from "../support/native.ts";
import { PLANS } from "../support/plans.ts";
import type { TinyOptions } from "../support/tiny_model.ts";

const SHAPE = { heads: 6, kvHeads: 2, headDim: 16, layers: 2 } as const;

const VOTES: Plan = { ...DENSE, evict: "score", keep: 20, window: 8, recent: 8 };
const KEYS: Plan = { ...DENSE, evict: "score", keep: 20, score: "key_norm" };
const PAGES: Plan = { ...DENSE, select: "pages", pageSize: 2, queryDims: 4, topK: 6 };
const STEPS: Plan = { ...KEYS, stepKeep: 20, stepEvict: "current" };

type Case = [Plan, Partial<Plan>, RegExp];

const RANGES: Case[] = [
  [VOTES, { keep: 0 }, /keep must be between 1 and 2147483647: current value is 0/],
  [VOTES, { sinks: -1 }, /sinks must be between 0/],
  [VOTES, { recent: -1 }, /recent must be between 0/],
  [VOTES, { window: 0 }, /window must be between 1 and 128: current value is 0/],
  [VOTES, { window: 129 }, /window must be between 1 and 128: current value is 129/],
  [VOTES, { window: 7 }, /recent must be <= window with score VOTES: found 8 and 7/],
  [VOTES, { sinks: 13 }, /sinks \+ recent must be <= keep: found 13 \+ 8 and 20/],
  [VOTES, { sinks: 2 ** 31 - 1 }, /sinks \+ recent must be <= keep: found 2147483647 \+ 8 and 20/],
  [VOTES, { poolWidth: 4 }, /pool_width must be odd: current value is 4/],
  [VOTES, { poolWidth: 0 }, /pool_width must be between 1/],
  [VOTES, { valueEpsilon: -1 }, /value_epsilon must be >= 0: current value is -1/],
  [VOTES, { valueEpsilon: NaN }, /value_epsilon must be >= 0: current value is nan/],
  [VOTES, { critical: 1.5 }, /critical must be between 0 and 1: current value is 1.5/],
  [VOTES, { alloc: "ada", safeguard: -0.5 }, /safeguard must be between 0 and 1: current value is -0.5/],
  [VOTES, { alloc: "ada_safe", safeguard: NaN }, /safeguard must be between 0 and 1: current value is nan/],
  [KEYS, { score: "expected", future: 0 }, /future must be between 1/],
  [KEYS, { score: "lag", lag: 0 }, /lag must be between 1/],
  [{ ...DENSE, evict: "recent", keep: 4 }, { sinks: 4 }, /sinks must be below keep: found 4 and 4/],
  [PAGES, { queryDims: 17 }, /query_dims must be between 1 and 16: current value is 17/],
  [PAGES, { pageSize: 0 }, /page_size must be between 1/],
  [PAGES, { topK: 0 }, /top_k must be between 1/],
  [PAGES, { pinSinks: 5, pinRecent: 2 }, /pin_sinks \+ pin_recent must be <= top_k: found 5 \+ 2 and 6/],
  [{ ...DENSE, select: "exact" }, { topK: 0 }, /top_k must be between 1/],
  [STEPS, { stepKeep: -1 }, /step_keep must be between 0/],
  [STEPS, { sinks: 20 }, /sinks must be below step_keep: found 20 and 20/],
  [STEPS, { stepRecent: -1 }, /step_recent must be between 0/],
  [STEPS, { sinks: 5, stepRecent: 16 }, /sinks \+ step_recent must be <= step_keep: found 5 \+ 16 and 20/],
  [STEPS, { keep: 21 }, /keep must be <= step_keep with step_evict other than OLDEST: found 21 and 20/],
  [VOTES, { denseHeads: [2] }, /dense_heads must name KV heads between 0 and 1: found 2/],
  [VOTES, { denseHeads: [63] }, /dense_heads must name KV heads between 0 and 1: found 63/],
];

const COMBINATIONS: Case[] = [
  [VOTES, { alloc: "ada", agree: "head" }, /alloc other than UNIFORM cannot be combined with agree HEAD or LAYER/],
  [
    VOTES,
    { alloc: "ada_safe", agree: "layer" },
    /alloc other than UNIFORM cannot be combined with agree HEAD or LAYER/,
  ],
  [VOTES, { alloc: "ada", stepKeep: 20 }, /alloc other than UNIFORM cannot be combined with step_keep/],
  [KEYS, { score: "attention", agree: "max" }, /score ATTENTION cannot be combined with agree MAX/],
  [KEYS, { score: "attention", agree: "head" }, /score ATTENTION cannot be combined with agree HEAD/],
  [KEYS, { score: "expected", agree: "head" }, /score EXPECTED cannot be combined with agree HEAD/],
  [PAGES, { stepKeep: 9 }, /step_keep cannot be combined with select PAGES/],
  [VOTES, { stepKeep: 20, keepHistory: true }, /step_keep cannot be combined with keep_history/],
  [VOTES, { stepKeep: 20, agree: "head" }, /step_keep cannot be combined with agree HEAD/],
  [STEPS, { evict: "none" }, /step_evict other than OLDEST needs evict RECENT or SCORE/],
  [DENSE, { meanValue: true }, /mean_value needs select PAGES/],
  [
    { ...PAGES, ...VOTES, select: "pages" },
    { meanValue: true, agree: "head" },
    /mean_value cannot be combined with agree HEAD/,
  ],
];

const WINDOWED: Case[] = [
  [STEPS, {}, /step_evict other than OLDEST cannot be combined with a sliding window of the model/],
  [PAGES, { meanValue: true }, /mean_value cannot be combined with a sliding window of the model/],
  [
    { ...DENSE, evict: "recent", keep: 9 },
    { shiftPositions: true },
    /shift_positions cannot be combined with a sliding window of the model/,
  ],
];

async function assertRefused(options: TinyOptions, cases: Case[]): Promise<void> {
  await using tiny = await loadTiny(options);
  const session = tiny.session();
  await session.prefill(randomTokens(50, 1));
  for (const [base, change, message] of cases) {
    await assert.rejects(session.compress({ ...base, ...change }), message, JSON.stringify(change));
  }
  await session.compress(PLANS["rocketkv"]!); // a refusal leaves the session as it was
}

Deno.test("numbers out of their range are refused by field, wanted and found", () => assertRefused(SHAPE, RANGES));

Deno.test("fields that exclude each other are refused by name", () => assertRefused(SHAPE, COMBINATIONS));

Deno.test("a model with a sliding window refuses what needs all tokens", async () => {
  await assertRefused({ arch: "mistral", heads: 4, kvHeads: 2, headDim: 16, slidingWindow: 40 }, WINDOWED);
});

Deno.test("plans are checked before a prompt is run, and for every layer", async () => {
  await using tiny = await loadTiny(SHAPE);
  const session = tiny.session();
  const wrong = { ...VOTES, window: 0 };
  const plans: LayerPlans[] = [[DENSE, wrong], [wrong]];
  for (const plan of plans) await assert.rejects(session.prefill(randomTokens(50, 1), { plan }), /window must be/);
  await assert.rejects(session.prefill([1, 2], { plan: [DENSE, DENSE, DENSE] }), /n_plans must be 1 or 2: found 3/);
  assert.equal(session.stats().n_tokens, 0);
});
