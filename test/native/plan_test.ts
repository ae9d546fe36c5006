import assert from "node:assert/strict";
import { observationsFor } from "../../lib/methods/observe.ts";
import { DENSE, type LayerPlans, type Plan } from "../../lib/methods/plan.ts";
import { NativeSession } from "../../lib/native/session.ts";
import { assertSame } from "../support/assert_same.ts";
import { EXACT, type LoadedTiny, loadTiny, randomTokens } from "../support/native.ts";
import { LAYERED, needsAllTokens, PLANS } from "../support/plans.ts";
import type { TinyOptions } from "../support/tiny_model.ts";

const SHAPES: Record<string, TinyOptions> = {
  "GQA": { heads: 6, kvHeads: 2, headDim: 16, layers: 3 },
  "MHA": { heads: 2, kvHeads: 2, headDim: 24 },
  "MQA": { heads: 4, kvHeads: 1, headDim: 32 },
  "GQA with a sliding window": { arch: "mistral", heads: 4, kvHeads: 2, headDim: 16, slidingWindow: 40 },
};

/** Two turns of prompt and three steps each. */
async function compare(tiny: LoadedTiny, plan: Plan | LayerPlans, onTheFly: boolean): Promise<void> {
  const plans: LayerPlans = Array.isArray(plan) ? plan as LayerPlans : [plan as Plan];
  const observe = onTheFly ? [] : observationsFor([plans]);
  const session = tiny.session({ ...EXACT, chunkTokens: 23, observe });
  const reference = tiny.reference();
  for (const turn of [1, 2]) {
    const prompt = randomTokens(turn === 1 ? 61 : 19, turn), next = randomTokens(4, 10 + turn);
    const wanted = reference.prefill(prompt);
    reference.compress(plan);
    if (onTheFly) await session.prefill(prompt, { plan });
    else {
      await session.prefill(prompt);
      await session.compress(plan);
    }
    assertSame(session, reference, wanted, { decoded: false });
    for (const token of next) {
      await NativeSession.decode([session], [token]);
      assertSame(session, reference, reference.decode(token), { decoded: true });
    }
  }
}

for (const [shape, options] of Object.entries(SHAPES)) {
  for (const [name, plan] of Object.entries(PLANS)) {
    if (options.slidingWindow && needsAllTokens(plan)) continue;
    Deno.test(`plan "${name}" keeps and selects what the reference does: ${shape}`, async () => {
      await using tiny = await loadTiny(options);
      await compare(tiny, plan, false);
    });
  }
}

for (const [name, plans] of Object.entries(LAYERED)) {
  Deno.test(`plans per layer, "${name}", keep and select what the reference does`, async () => {
    await using tiny = await loadTiny(SHAPES["GQA"]);
    await compare(tiny, plans, false);
    await compare(tiny, plans, true);
  });
}

Deno.test("models with a sliding window refuse plans that must see every token", async () => {
  await using tiny = await loadTiny(SHAPES["GQA with a sliding window"]);
  for (const plan of Object.values(PLANS).filter(needsAllTokens)) {
    await assert.rejects(tiny.session().prefill(randomTokens(60, 1), { plan }), /sliding window/);
  }
});

Deno.test("compressing on the fly equals compressing afterwards, for every plan", async (t) => {
  await using tiny = await loadTiny(SHAPES["GQA"]);
  for (const [name, plan] of Object.entries(PLANS)) await t.step(name, () => compare(tiny, plan, true));
});

Deno.test("a budget that covers every token gives bit for bit the logits of the full cache", async () => {
  await using tiny = await loadTiny(SHAPES["GQA"]);
  const prompt = randomTokens(60, 1), next = randomTokens(6, 2);
  const run = async (plan: Plan) => {
    const session = tiny.session({ kvType: "bf16" });
    await session.prefill(prompt, { plan });
    const all: number[] = [];
    for (const token of next) {
      await NativeSession.decode([session], [token]);
      all.push(...session.logits());
    }
    return all;
  };
  const full = await run(DENSE);
  for (const [name, plan] of Object.entries(PLANS)) {
    const roomy = { ...plan, keep: 1000, topK: 1000, stepKeep: plan.stepKeep && 1000 };
    assert.deepEqual(await run(roomy), full, name);
  }
});

Deno.test("prompts of 1 token and around the window work with every plan", async (t) => {
  await using tiny = await loadTiny(SHAPES["GQA"]);
  for (const [name, plan] of Object.entries(PLANS)) {
    for (const n of [1, 2, 7, 8, 9, 29, 30, 31]) {
      await t.step(`${name}, ${n} tokens`, async () => {
        const session = tiny.session(), reference = tiny.reference();
        reference.prefill(randomTokens(n, 5));
        reference.compress(plan);
        await session.prefill(randomTokens(n, 5), { plan });
        await NativeSession.decode([session], [7]);
        assertSame(session, reference, reference.decode(7), { decoded: true });
      });
    }
  }
});

Deno.test("a follow-up turn of one token votes again over the whole history", async () => {
  await using tiny = await loadTiny(SHAPES["GQA"]);
  const plan = PLANS["rocketkv-mt"]!;
  const session = tiny.session(), reference = tiny.reference();
  for (const [n, seed] of [[50, 1], [1, 2], [1, 3]] as const) {
    const wanted = reference.prefill(randomTokens(n, seed));
    reference.compress(plan);
    await session.prefill(randomTokens(n, seed), { plan });
    assertSame(session, reference, wanted, { decoded: false });
    await NativeSession.decode([session], [9]);
    assertSame(session, reference, reference.decode(9), { decoded: true });
  }
});

Deno.test("a long decode keeps page bounds, index lists and streaming windows right", async (t) => {
  await using tiny = await loadTiny({ heads: 4, kvHeads: 2, headDim: 8, layers: 2, dim: 32, hiddenDim: 32 });
  for (const name of ["hsa", "rocketkv", "rocketkv-mt", "recent"]) {
    await t.step(name, async () => {
      const plan = { ...PLANS[name]!, queryDims: Math.min(PLANS[name]!.queryDims, 8) };
      const session = tiny.session(), reference = tiny.reference();
      reference.prefill(randomTokens(40, 1));
      reference.compress(plan);
      await session.prefill(randomTokens(40, 1), { plan });
      for (const [i, token] of randomTokens(200, 2).entries()) {
        await NativeSession.decode([session], [token]);
        const wanted = reference.decode(token);
        if (i % 37 === 0 || i === 199) assertSame(session, reference, wanted, { decoded: true });
      }
    });
  }
});
