/** Sessions of one model driven from several threads at once, on either backend: nonblocking calls run on threads. */
import assert from "node:assert/strict";
import { GREEDY } from "../../lib/native/sampler.ts";
import { NativeSession } from "../../lib/native/session.ts";
import { Emulator } from "../support/emulator.ts";
import { EMULATED, type LoadedTiny, loadTiny, randomTokens } from "../support/native.ts";
import { PLANS } from "../support/plans.ts";

const SHAPE = { heads: 4, kvHeads: 2, headDim: 16, layers: 2 } as const;
const SAMPLER = { ...GREEDY, temperature: 0.9, topK: 30 };
const METHODS = ["rocketkv", "dense", "rocketkv-mt", "recent"] as const;

/** One sequence from its prompt to its end: text, last logits and what was read. */
async function run(tiny: LoadedTiny, i: number) {
  const session = tiny.session({ kvType: i % 2 === 0 ? "bf16" : "f32", chunkTokens: 16 });
  await session.prefill(randomTokens(40 + 5 * i, i), { plan: PLANS[METHODS[i % METHODS.length]!]! });
  const sampler = { ...SAMPLER, seed: BigInt(i) };
  const text = [session.sample(sampler)];
  for (let step = 0; step < 12; step++) {
    text.push((await NativeSession.decode([session], [text.at(-1)!], { samplers: [sampler] })).tokens[0]!);
  }
  const { n_tokens, n_steps, kv_bytes, total_attend_read_bytes, total_score_read_bytes } = session.stats();
  return {
    text,
    logits: session.logits(),
    n_tokens,
    n_steps,
    kv_bytes,
    total_attend_read_bytes,
    total_score_read_bytes,
  };
}

for (const [name, load] of [["CPU", {}], ["emulated CUDA", EMULATED]] as const) {
  Deno.test(`sessions that run at once on the ${name} backend say what they say one after the other`, async () => {
    await using tiny = await loadTiny(SHAPE, load);
    const serial = [];
    for (const i of [0, 1, 2, 3]) serial.push(await run(tiny, i));
    for (let round = 0; round < 3; round++) {
      assert.deepEqual(await Promise.all([0, 1, 2, 3].map((i) => run(tiny, i))), serial, `round ${round}`);
    }
  });

  Deno.test(`models that run at once on the ${name} backend do not disturb each other`, async () => {
    await using first = await loadTiny(SHAPE, load);
    await using second = await loadTiny({ ...SHAPE, seed: 2 }, load);
    const serial = [await run(first, 0), await run(second, 0)];
    assert.notDeepEqual(serial[0]!.logits, serial[1]!.logits);
    const [a, b] = await Promise.all([run(first, 0), run(second, 0)]);
    assert.deepEqual([a, b], serial);
  });

  Deno.test(`a session of the ${name} backend that another call uses is busy, and unharmed`, async () => {
    await using tiny = await loadTiny(SHAPE, load);
    const [session, other] = [tiny.session(), tiny.session()];
    for (const each of [session, other]) await each.prefill(randomTokens(30, 1), { plan: PLANS["dense"]! });
    const running = NativeSession.decode([session], [1]);
    await assert.rejects(
      NativeSession.decode([other, session], [1, 1]),
      /Cannot use a session while a call on it runs/,
    );
    await Promise.all([running, NativeSession.decode([other], [1])]);
    assert.deepEqual(session.logits(), other.logits());
  });
}

Deno.test("a model on the second CUDA device runs whatever thread a call comes from", async () => {
  using emulator = new Emulator();
  emulator.setMachine({ devices: 2 });
  await using first = await loadTiny(SHAPE, EMULATED);
  await using second = await loadTiny(SHAPE, { ...EMULATED, device: 2 });
  const wanted = await run(first, 0);
  assert.deepEqual(await run(second, 0), wanted);
  assert.deepEqual(await Promise.all([run(first, 0), run(second, 0)]), [wanted, wanted]);
});
