import assert from "node:assert/strict";
import { DENSE } from "../../lib/methods/plan.ts";
import { GREEDY, type Sampler } from "../../lib/native/sampler.ts";
import { NativeSession } from "../../lib/native/session.ts";
import { distribution } from "../reference/sampler.ts";
import { loadTiny, randomTokens } from "../support/native.ts";

const WARM: Sampler = { ...GREEDY, temperature: 1 };
const CASES: Record<string, Sampler> = {
  greedy: GREEDY,
  temperature: { ...WARM, temperature: 0.7 },
  "top-k": { ...WARM, topK: 5 },
  "top-k of one": { ...WARM, topK: 1 },
  "top-k beyond the vocabulary": { ...WARM, topK: 10_000 },
  "top-p": { ...WARM, topP: 0.4 },
  "tiny top-p keeps one token": { ...WARM, topP: 1e-6 },
  "min-p": { ...WARM, minP: 0.3 },
  "all together": { ...WARM, temperature: 1.3, topK: 20, topP: 0.8, minP: 0.05, repeatPenalty: 1.4, repeatLastN: 30 },
  "greedy with a penalty": { ...GREEDY, repeatPenalty: 3, repeatLastN: 40 },
};

for (const [name, sampler] of Object.entries(CASES)) {
  Deno.test(`sampling draws from the distribution that its settings describe: ${name}`, async () => {
    await using tiny = await loadTiny();
    const session = tiny.session(), history = randomTokens(40, 1), draws = 4000;
    await session.prefill(history);
    const wanted = distribution(session.logits(), history, sampler);
    const counts = new Map<number, number>();
    for (let seed = 0; seed < draws; seed++) {
      const token = session.sample({ ...sampler, seed: BigInt(seed) });
      assert(wanted.has(token), `token ${token} has been cut off`);
      counts.set(token, (counts.get(token) ?? 0) + 1);
    }
    for (const [token, p] of wanted) {
      // Five standard deviations of a binomial, and one draw: seeds are fixed, so this never flickers.
      const slack = 5 * Math.sqrt(draws * p * (1 - p)) + 1;
      const found = counts.get(token) ?? 0;
      assert(Math.abs(found - draws * p) <= slack, `token ${token}: expected about ${draws * p}, found ${found}`);
    }
  });
}

Deno.test("the same seed gives the same tokens, another seed others, whatever else is in the batch", async () => {
  await using tiny = await loadTiny();
  const generate = async (seed: bigint, company: number) => {
    const sessions = [];
    for (let i = 0; i <= company; i++) {
      const session = tiny.session();
      await session.prefill(randomTokens(20, i), { plan: DENSE });
      sessions.push(session);
    }
    const samplers = sessions.map((_, i) => ({ ...WARM, seed: i === 0 ? seed : 99n }));
    let tokens = sessions.map((session, i) => session.sample(samplers[i]!));
    const text = [tokens[0]!];
    for (let step = 0; step < 12; step++) {
      tokens = [...(await NativeSession.decode(sessions, tokens, { samplers })).tokens];
      text.push(tokens[0]!);
    }
    return text;
  };
  const alone = await generate(7n, 0);
  assert.deepEqual(await generate(7n, 0), alone);
  assert.deepEqual(await generate(7n, 3), alone);
  assert.notDeepEqual(await generate(8n, 0), alone);
});

Deno.test("settings out of range are refused by name", async () => {
  await using tiny = await loadTiny();
  const session = tiny.session();
  await session.prefill([1, 2]);
  const wrong: [Partial<Sampler>, RegExp][] = [
    [{ temperature: -1 }, /temperature must be >= 0: current value is -1/],
    [{ temperature: NaN }, /temperature must be >= 0/],
    [{ topK: -1 }, /top_k must be >= 0/],
    [{ topP: 0 }, /top_p must be in \(0, 1\]/],
    [{ minP: 1.5 }, /min_p must be in \[0, 1\]/],
    [{ repeatPenalty: 0 }, /repeat_penalty must be > 0/],
    [{ repeatLastN: -1 }, /repeat_last_n must be >= 0/],
  ];
  for (const [change, message] of wrong) assert.throws(() => session.sample({ ...WARM, ...change }), message);
});
