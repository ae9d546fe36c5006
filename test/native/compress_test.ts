/** Properties of every eviction: what always stays, how many tokens, and what it needs to have seen. */
import assert from "node:assert/strict";
import { DENSE, type Plan, SCORE_KINDS } from "../../lib/methods/plan.ts";
import { NativeSession } from "../../lib/native/session.ts";
import { EXACT, type LoadedTiny, loadTiny, randomTokens } from "../support/native.ts";
import { PLANS } from "../support/plans.ts";

const SHAPE = { heads: 6, kvHeads: 3, headDim: 16, layers: 2 } as const;
const GROUP = SHAPE.heads / SHAPE.kvHeads;
const VOTES: Plan = { ...DENSE, evict: "score", keep: 20, window: 8, recent: 8 };
const OBSERVING = { ...EXACT, observe: ["attention", "queries"] } as const;

async function prefilled(tiny: LoadedTiny, n: number, plan: Plan): Promise<NativeSession> {
  const session = tiny.session(EXACT);
  await session.prefill(randomTokens(n, 1), { plan });
  return session;
}

/** Cached positions of every query head, layer after layer. */
function cached(session: NativeSession): number[][][] {
  return Array.from(
    { length: SHAPE.layers },
    (_, layer) => Array.from({ length: SHAPE.heads }, (_, head) => [...session.cached(layer, head)]),
  );
}

/** Cached positions of every KV head of a layer. */
function perKvHead(heads: number[][]): number[][] {
  return heads.filter((_, head) => head % GROUP === 0);
}

const SCORED: Record<string, Plan> = Object.fromEntries(
  SCORE_KINDS.map((score) => [score, { ...VOTES, score, sinks: 3, recent: 5, keep: 17, lag: 8, future: 6 }]),
);

Deno.test("sinks and recent tokens stay whatever the score, the agreement and the allocation", async (t) => {
  await using tiny = await loadTiny(SHAPE);
  const plans: Record<string, Plan> = {
    ...SCORED,
    "values weighed": { ...SCORED["votes"]!, valueWeight: true },
    "critical": { ...SCORED["votes"]!, critical: 0.5 },
    "critical, no share by score": { ...SCORED["votes"]!, critical: 0.01 },
    "all": { ...SCORED["votes"]!, agree: "layer" },
    "head": { ...SCORED["votes"]!, agree: "head" },
    "ada": { ...SCORED["votes"]!, alloc: "ada", safeguard: 0 },
    "ada_safe": { ...SCORED["votes"]!, alloc: "ada_safe", safeguard: 0 },
    "only sinks and recent": { ...SCORED["votes"]!, keep: 8 },
  };
  for (const [name, plan] of Object.entries(plans)) {
    await t.step(name, async () => {
      const session = await prefilled(tiny, 70, plan);
      for (const positions of cached(session).flat()) {
        assert.deepEqual(positions.slice(0, 3), [0, 1, 2]);
        assert.deepEqual(positions.slice(-5), [65, 66, 67, 68, 69]);
        if (plan.alloc === "uniform") assert.equal(positions.length, plan.keep);
      }
    });
  }
});

Deno.test("ada deals the places of all heads, up to rounding, and no head less than its safeguard", async () => {
  await using tiny = await loadTiny(SHAPE);
  let uneven = 0;
  for (const safeguard of [0, 0.2, 0.7, 1]) {
    for (const [keep, sinks] of [[20, 0], [33, 2], [9, 1]] as const) {
      const session = await prefilled(tiny, 90, { ...VOTES, keep, sinks, alloc: "ada", safeguard, poolWidth: 5 });
      for (const heads of cached(session).map(perKvHead)) {
        const counts = heads.map((positions) => positions.length), total = counts.reduce((a, b) => a + b);
        assert(Math.abs(total - SHAPE.kvHeads * keep) <= 1.5 * SHAPE.kvHeads, `safeguard ${safeguard}: ${counts}`);
        const least = Math.max(Math.floor(safeguard * (keep - 8)), sinks) + 8;
        assert(Math.min(...counts) >= least, `safeguard ${safeguard}: ${counts}, at least ${least}`);
        if (safeguard === 1) assert.deepEqual(counts, counts.map(() => keep));
        uneven += Number(Math.max(...counts) > Math.min(...counts));
      }
    }
  }
  assert(uneven >= 6, `${uneven} layers were dealt unevenly`);
});

Deno.test("ada_safe deals exactly the places of all heads", async () => {
  await using tiny = await loadTiny(SHAPE);
  for (const safeguard of [0, 0.3, 0.7, 1]) {
    const session = await prefilled(tiny, 90, { ...VOTES, keep: 20, alloc: "ada_safe", safeguard });
    for (const heads of cached(session).map(perKvHead)) {
      const counts = heads.map((positions) => positions.length);
      assert.equal(counts.reduce((a, b) => a + b), SHAPE.kvHeads * 20);
      // 0.7 x 20 is 14, also where the library sees the f32 next to 0.7
      assert(Math.min(...counts) >= Math.max(Math.round(safeguard * 20), 8), `safeguard ${safeguard}: ${counts}`);
    }
  }
});

Deno.test("a query head that chooses for itself keeps its own tokens, and the group stores their union", async () => {
  await using tiny = await loadTiny(SHAPE);
  const session = await prefilled(tiny, 90, { ...VOTES, agree: "head", poolWidth: 3 });
  const rowBytes = 2 * SHAPE.headDim * 4;
  let bytes = 0, different = 0;
  for (const heads of cached(session)) {
    for (let h = 0; h < SHAPE.kvHeads; h++) {
      const own = heads.slice(h * GROUP, (h + 1) * GROUP);
      own.forEach((positions) => assert.equal(positions.length, 20));
      const union = new Set(own.flat());
      bytes += union.size * rowBytes;
      different += Number(union.size > 20);
    }
  }
  assert.equal(session.stats().kv_bytes, bytes);
  assert(different > 0, "all query heads chose the same");

  const history = await prefilled(tiny, 90, { ...VOTES, agree: "head", poolWidth: 3, keepHistory: true });
  assert.deepEqual(cached(history), cached(session));
  assert.equal(history.stats().kv_bytes, 90 * rowBytes * SHAPE.kvHeads * SHAPE.layers);
});

Deno.test("agreement of the layer keeps the same tokens in all heads", async () => {
  await using tiny = await loadTiny(SHAPE);
  const session = await prefilled(tiny, 90, { ...VOTES, agree: "layer" });
  for (const [first, ...others] of cached(session)) {
    for (const positions of others) assert.deepEqual(positions, first);
  }
});

Deno.test("agreement of the layer is refused where heads hold different tokens", async () => {
  await using tiny = await loadTiny(SHAPE);
  const session = await prefilled(tiny, 90, VOTES);
  const before = session.stats();
  await assert.rejects(
    session.prefill(randomTokens(30, 2), { plan: { ...VOTES, agree: "layer" } }),
    /agree LAYER needs the same tokens in all KV heads: layer 0, KV head [12] differs/,
  );
  assert.deepEqual({ ...session.stats(), kv_peak_bytes: 0 }, { ...before, kv_peak_bytes: 0 });
});

Deno.test("heads that are left alone keep everything", async (t) => {
  await using tiny = await loadTiny(SHAPE);
  const plans: Record<string, Plan> = {
    recent: { ...DENSE, evict: "recent", keep: 12, sinks: 2 },
    votes: VOTES,
    ada: { ...VOTES, alloc: "ada", safeguard: 0.2 },
    layer: { ...VOTES, agree: "layer" },
    head: { ...VOTES, agree: "head" },
    history: { ...VOTES, keepHistory: true },
  };
  for (const [name, plan] of Object.entries(plans)) {
    await t.step(name, async () => {
      const session = await prefilled(tiny, 60, { ...plan, denseHeads: [1] });
      for (const heads of cached(session)) {
        heads.forEach((positions, head) => {
          if (Math.floor(head / GROUP) === 1) assert.deepEqual(positions, Array.from({ length: 60 }, (_, i) => i));
          else assert(positions.length < 60, `head ${head}`);
        });
      }
      await NativeSession.decode([session], [3]);
    });
  }
});

Deno.test("scores that were not observed are refused by the option they need", async () => {
  await using tiny = await loadTiny(SHAPE);
  const session = tiny.session(EXACT);
  await session.prefill(randomTokens(60, 1));
  const steps = { stepKeep: 20, stepEvict: "attention" } as const;
  await assert.rejects(
    session.compress(SCORED["attention"]!),
    /ATTENTION needs .* RKV_OBSERVE_ATTENTION \(1\) in observe/,
  );
  await assert.rejects(
    session.compress({ ...VOTES, ...steps }),
    /step_evict ATTENTION needs .*OBSERVE_ATTENTION \(1\)/,
  );
  await assert.rejects(session.compress(SCORED["expected"]!), /EXPECTED needs .* RKV_OBSERVE_QUERIES \(2\) in observe/);
  await session.compress(VOTES);
  await assert.rejects(
    session.prefill(randomTokens(9, 2), { plan: SCORED["attention"]! }),
    /needs the attention of earlier turns, too: .* found 0/,
  );
  await session.prefill(randomTokens(9, 2), { plan: VOTES });
});

Deno.test("attention that steps have lost stops only plans that need it", async () => {
  await using tiny = await loadTiny(SHAPE);
  const session = tiny.session({ observe: ["attention"] });
  await session.prefill(randomTokens(60, 1), { plan: PLANS["recent"]! });
  await NativeSession.decode([session], [3]); // drops the oldest token, and its sum
  await assert.rejects(
    session.prefill(randomTokens(9, 2), { plan: SCORED["attention"]! }),
    /needs the attention of earlier turns, too: .* found 1/,
  );
  await session.prefill(randomTokens(9, 2));
  await assert.rejects(session.compress(SCORED["attention"]!), /score ATTENTION needs a session with/);
  await session.compress(VOTES);
});

Deno.test("what a prefill observes for later plans is what it observes for its own", async (t) => {
  await using tiny = await loadTiny(SHAPE);
  for (const score of ["attention", "expected"] as const) {
    await t.step(score, async () => {
      const later = tiny.session({ ...OBSERVING, chunkTokens: 13 });
      await later.prefill(randomTokens(70, 1));
      assert(later.stats().query_bytes > tiny.session(EXACT).stats().query_bytes);
      await later.compress(SCORED[score]!);
      assert.deepEqual(cached(later), cached(await prefilled(tiny, 70, SCORED[score]!)));
    });
  }
});

Deno.test("prompts shorter than the window, budgets of one and turns of one token", async (t) => {
  await using tiny = await loadTiny(SHAPE);
  const plans: Record<string, Plan> = {
    "one token, the last": { ...VOTES, keep: 1, window: 1, recent: 1 },
    "one token, the best": { ...VOTES, keep: 1, window: 4, recent: 0 },
    "one token, the first": { ...VOTES, keep: 1, window: 4, recent: 0, sinks: 1 },
    "one token per query head": { ...VOTES, keep: 1, window: 4, recent: 0, agree: "head" },
    "one token each, dealt": { ...VOTES, keep: 1, window: 4, recent: 0, alloc: "ada_safe" },
    "long window": { ...VOTES, keep: 20, window: 128, recent: 20 },
    "long window, dealt": { ...VOTES, keep: 20, window: 128, recent: 20, alloc: "ada", safeguard: 0.2 },
    ...SCORED,
  };
  for (const [name, plan] of Object.entries(plans)) {
    await t.step(name, async () => {
      const session = tiny.session(EXACT);
      for (const n of [1, 2, 3, 30, 1, 1]) {
        await session.prefill(randomTokens(n, n), { plan });
        for (const positions of cached(session).flat()) {
          if (plan.alloc === "uniform") assert(positions.length <= plan.keep);
          if (plan.recent > 0) assert.equal(positions.at(-1), session.stats().n_tokens - 1);
        }
        await NativeSession.decode([session], [5]);
      }
    });
  }
});
