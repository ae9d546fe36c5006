import assert from "node:assert/strict";
import type { Plan } from "../../lib/methods/plan.ts";
import { NativeSession, type SessionOptions } from "../../lib/native/session.ts";
import { CACHES, CODED } from "../support/caches.ts";
import { EXACT, loadTiny, randomTokens } from "../support/native.ts";
import { PLANS } from "../support/plans.ts";

const SHAPE = { heads: 6, kvHeads: 2, headDim: 16, layers: 3 } as const;

/** Logits of feeding `tokens` one by one. */
async function decodeAll(session: NativeSession, tokens: readonly number[]): Promise<number[]> {
  const all: number[] = [];
  for (const token of tokens) {
    await NativeSession.decode([session], [token]);
    all.push(...session.logits());
  }
  return all;
}

/** What a prefill without plans has to keep so that any of them can be applied later. */
const OBSERVED: SessionOptions = { ...EXACT, observe: ["attention", "queries"] };

Deno.test("forks of one prefill equal sessions that were prefilled alone, for every plan", async () => {
  await using tiny = await loadTiny(SHAPE);
  const prompt = randomTokens(60, 1), next = randomTokens(5, 2);
  const parent = tiny.session(OBSERVED);
  await parent.prefill(prompt);
  for (const [name, plan] of Object.entries(PLANS)) {
    using fork = parent.fork();
    await fork.compress(plan);
    const alone = tiny.session();
    await alone.prefill(prompt, { plan });
    assert.deepEqual(await decodeAll(fork, next), await decodeAll(alone, next), name);
    assert.deepEqual(fork.cached(1, 4), alone.cached(1, 4), name);
  }
});

Deno.test("a fork changes neither its parent nor its siblings", async () => {
  await using tiny = await loadTiny(SHAPE);
  const prompt = randomTokens(60, 1);
  for (const [name, plan, options] of CACHES) {
    const untouched = tiny.session(options);
    await untouched.prefill(prompt, { plan });
    await decodeAll(untouched, [1, 2]);
    const wanted = await decodeAll(untouched, randomTokens(80, 3));

    const parent = tiny.session(options);
    await parent.prefill(prompt, { plan });
    await decodeAll(parent, [1, 2]);
    using a = parent.fork(), b = parent.fork();
    await decodeAll(a, randomTokens(90, 4)); // writes past the shared block and reallocates bounds and index
    assert.deepEqual(await decodeAll(b, randomTokens(80, 3)), wanted, `${name}: sibling`);
    assert.deepEqual(await decodeAll(parent, randomTokens(80, 3)), wanted, `${name}: parent`);
  }
});

Deno.test("a fork copies no K or V", async () => {
  await using tiny = await loadTiny(SHAPE);
  const parent = tiny.session();
  await parent.prefill(randomTokens(500, 1));
  const live = () => tiny.model.usage().kv_bytes_live;
  const before = live();
  const forks = Array.from({ length: 8 }, () => parent.fork());
  assert.equal(live(), before);
  assert.equal(forks[0]!.stats().kv_bytes, parent.stats().kv_bytes);
  assert.equal(forks[0]!.stats().kv_own_bytes, 0);
  await forks[0]!.compress(PLANS["hsa"]!); // selection alone needs no K or V of its own either
  assert.equal(live(), before);
  for (const fork of forks) fork[Symbol.dispose]();
  assert.equal(live(), before);
});

Deno.test("a fork outlives its parent", async () => {
  await using tiny = await loadTiny(SHAPE);
  const parent = NativeSession.create(tiny.model, EXACT);
  await parent.prefill(randomTokens(60, 1));
  using fork = parent.fork(), twin = parent.fork();
  parent[Symbol.dispose]();
  await fork.compress(PLANS["rocketkv"]!);
  await twin.compress(PLANS["rocketkv"]!);
  assert.deepEqual(await decodeAll(fork, [1, 2, 3]), await decodeAll(twin, [1, 2, 3]));
});

Deno.test("n ragged sessions in one step equal n single steps bit for bit", async (t) => {
  for (const dtype of ["f32", "q4_1", "q6_k"] as const) {
    await t.step(dtype, async () => {
      await using tiny = await loadTiny({ ...SHAPE, heads: 4, headDim: 64, dim: 256, hiddenDim: 256, dtype }, {
        format: "gguf",
      });
      const plans = Object.values(PLANS);
      const make = () =>
        Promise.all(plans.map(async (plan, i) => {
          const session = tiny.session({ kvType: i % 3 === 0 ? "f32" : "bf16" });
          await session.prefill(randomTokens(1 + 11 * i, i), { plan });
          return session;
        }));
      const [together, single] = [await make(), await make()];
      const logits = new Float32Array(plans.length * tiny.source.config.vocabSize);
      for (const step of [1, 2, 3]) {
        const tokens = randomTokens(plans.length, 100 + step);
        await NativeSession.decode(together, tokens, { logits });
        for (const [i, session] of single.entries()) {
          await NativeSession.decode([session], [tokens[i]!]);
          const row = logits.subarray(i * tiny.source.config.vocabSize, (i + 1) * tiny.source.config.vocabSize);
          assert.deepEqual([...row], [...session.logits()], `step ${step}, session ${i}`);
        }
      }
    });
  }
});

Deno.test("thread count does not change a bit of a decode step", async () => {
  const run = async (threads: number) => {
    await using tiny = await loadTiny(SHAPE, { threads });
    const session = tiny.session();
    await session.prefill(randomTokens(90, 1), { plan: PLANS["rocketkv"]! });
    return await decodeAll(session, randomTokens(4, 2));
  };
  const one = await run(1);
  assert.deepEqual(await run(2), one);
  assert.deepEqual(await run(5), one);
});

Deno.test("cancelling a prefill leaves the session as it was", async () => {
  await using tiny = await loadTiny({ ...SHAPE, dim: 256, hiddenDim: 512, layers: 8 });
  const kinds: [Plan, SessionOptions][] = [[PLANS["rocketkv"]!, EXACT], [PLANS["h2o"]!, EXACT], [
    PLANS["snapkv"]!,
    CODED["8 bits"]!,
  ]];
  for (const [turns, plan, kind] of [0, 1].flatMap((turns) => kinds.map((kind) => [turns, ...kind] as const))) {
    for (const used of [undefined, plan]) {
      const options = { ...kind, observe: ["attention"] as const, chunkTokens: 16 };
      const session = tiny.session(options), control = tiny.session(options);
      for (const s of turns === 0 ? [] : [session, control]) {
        await s.prefill(randomTokens(70, 1), { plan });
        await decodeAll(s, [1, 2]);
      }
      const { n_tokens, kv_bytes } = session.stats();
      const abort = new AbortController();
      const cancelled = session.prefill(randomTokens(3000, 2), {
        ...(used ? { plan: used } : {}),
        signal: abort.signal,
        onProgress: (done) => done > 0 && abort.abort(),
      });
      await assert.rejects(cancelled, { name: "AbortError" });
      assert.deepEqual({ n_tokens: session.stats().n_tokens, kv_bytes: session.stats().kv_bytes }, {
        n_tokens,
        kv_bytes,
      });
      const after: Plan = PLANS["hsa"]!;
      await session.prefill(randomTokens(20, 3), { plan: after });
      await control.prefill(randomTokens(20, 3), { plan: after });
      assert.deepEqual(await decodeAll(session, [5, 6]), await decodeAll(control, [5, 6]));
    }
  }
});

Deno.test("prefill reports tokens x layers as its progress", async () => {
  await using tiny = await loadTiny({ ...SHAPE, dim: 256, hiddenDim: 512 });
  const seen: number[] = [];
  let total = 0;
  await tiny.session().prefill(randomTokens(2000, 1), { onProgress: (done, all) => (seen.push(done), total = all) });
  assert.equal(total, 2000 * SHAPE.layers);
  assert.equal(seen.at(-1), total);
  assert.deepEqual(seen, [...seen].sort((a, b) => a - b));
});

Deno.test("calls out of order are refused and change nothing", async () => {
  await using tiny = await loadTiny(SHAPE);
  const session = tiny.session();
  await assert.rejects(NativeSession.decode([session], [1]), /not compressed yet/);
  await assert.rejects(session.compress(PLANS["hsa"]!), /not prefilled/);
  await assert.rejects(session.prefill([]), /at least 1 token/);
  await assert.rejects(session.prefill([1, 260]), /between 0 and 259: found 260/);
  await assert.rejects(session.prefill([-1]), /found -1/);
  assert.throws(() => session.logits(), /seen no token/);
  await session.prefill([1, 2, 3]);
  await assert.rejects(NativeSession.decode([session], [1]), /not compressed yet/);
  await session.compress(PLANS["hsa"]!);
  await assert.rejects(session.compress(PLANS["hsa"]!), /not prefilled/);
  await assert.rejects(NativeSession.decode([session], [999]), /between 0 and 259/);
  assert.equal(session.stats().n_tokens, 3);
});

Deno.test("a model with sessions cannot be freed, and freed handles are refused", async () => {
  await using tiny = await loadTiny(SHAPE);
  const symbols = tiny.model.lib.symbols;
  const session = NativeSession.create(tiny.model, EXACT);
  assert.throws(() => tiny.model[Symbol.dispose](), /1 sessions of it still exist/);
  session[Symbol.dispose]();
  for (const handle of [0n, 1n, 2n ** 63n, tiny.model.handle]) {
    assert.equal(symbols.rkv_session_free(handle, null), 8, `session ${handle}`);
  }
  assert.equal(symbols.rkv_model_free(12345n, null), 8);
});
