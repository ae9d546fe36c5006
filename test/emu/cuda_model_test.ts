/** Whole models on the CUDA backend, its kernels run by the emulator, against the CPU backend. */
import assert from "node:assert/strict";
import type { LayerPatterns } from "../../lib/methods/pattern.ts";
import type { LayerPlans, Plan } from "../../lib/methods/plan.ts";
import { GREEDY } from "../../lib/native/sampler.ts";
import { NativeSession, type SessionOptions } from "../../lib/native/session.ts";
import { EMULATED, EXACT, type LoadedTiny, loadTiny, randomTokens, relativeError } from "../support/native.ts";
import { LAYERED, PLANS } from "../support/plans.ts";
import type { TinyOptions } from "../support/tiny_model.ts";

const SHAPE: TinyOptions = { heads: 6, kvHeads: 2, headDim: 16, layers: 2 };

/** The same model on the CPU and on the emulated device. */
async function both(options: TinyOptions, format: "folder" | "gguf" = "folder") {
  const cpu = await loadTiny(options, { format });
  const cuda = await loadTiny(options, { format, ...EMULATED });
  return {
    cpu,
    cuda,
    async [Symbol.asyncDispose]() {
      await cpu[Symbol.asyncDispose]();
      await cuda[Symbol.asyncDispose]();
    },
  };
}

function assertSame(found: NativeSession, wanted: NativeSession, tolerance: number, decoded: boolean): void {
  const { nLayers, nHeads } = wanted.model.config;
  for (let layer = 0; layer < nLayers; layer++) {
    for (let h = 0; h < nHeads; h++) {
      assert.deepEqual([...found.cached(layer, h)], [...wanted.cached(layer, h)], `cached, layer ${layer} head ${h}`);
      if (!decoded) continue;
      const what = `selected, layer ${layer} head ${h}`;
      assert.deepEqual([...found.selected(layer, h)], [...wanted.selected(layer, h)], what);
      const off = relativeError(found.weights(layer, h), wanted.weights(layer, h));
      assert(off < tolerance, `weights, layer ${layer} head ${h}: relative error ${off}`);
    }
  }
  const error = relativeError(found.logits(), wanted.logits());
  assert(error < tolerance, `relative error ${error}`);
}

interface Comparison {
  readonly plan: Plan | LayerPlans;
  readonly options: SessionOptions;
  readonly tolerance: number;
  /** Of every layer. */
  readonly patterns?: LayerPatterns;
}

/** Two turns on both devices, the second shorter. */
async function compare(cpu: LoadedTiny, cuda: LoadedTiny, { plan, options, tolerance, patterns }: Comparison) {
  const a = cpu.session(options), b = cuda.session(options);
  for (let layer = 0; patterns !== undefined && layer < cpu.model.config.nLayers; layer++) {
    for (const session of [a, b]) session.setPatterns(layer, patterns);
  }
  for (const turn of [1, 2]) {
    const prompt = randomTokens(turn === 1 ? 45 : 11, turn);
    for (const session of [a, b]) await session.prefill(prompt, { plan });
    assertSame(b, a, tolerance, false);
    for (const token of randomTokens(3, 10 + turn)) {
      for (const session of [a, b]) await NativeSession.decode([session], [token]);
      assertSame(b, a, tolerance, true);
      const [read, wanted] = [b.stats(), a.stats()];
      assert.equal(read.score_read_bytes, wanted.score_read_bytes, "bytes read to choose");
      assert.equal(read.attend_read_bytes, wanted.attend_read_bytes, "bytes read to attend");
    }
  }
}

for (const [name, plan] of Object.entries(PLANS)) {
  Deno.test(`the emulated CUDA backend does what the CPU does: plan "${name}"`, async () => {
    await using pair = await both(SHAPE);
    await compare(pair.cpu, pair.cuda, { plan, options: { ...EXACT, chunkTokens: 20 }, tolerance: 5e-5 });
  });
}

for (const [name, plan] of Object.entries(LAYERED)) {
  Deno.test(`the emulated CUDA backend does what the CPU does: plans per layer, "${name}"`, async () => {
    await using pair = await both({ ...SHAPE, layers: 3 });
    await compare(pair.cpu, pair.cuda, { plan, options: EXACT, tolerance: 5e-5 });
  });
}

Deno.test("sparse prefill sees the same on both backends", async (t) => {
  const kinds: Record<string, LayerPatterns> = {
    "A shape": [{ kind: "a_shape", first: 3, second: 10 }],
    "vertical and slash": [{ kind: "vertical_slash", first: 31, second: 51 }],
    "blocks": [{ kind: "block", first: 1, second: 0 }],
    "one per query head": [
      { kind: "dense", first: 0, second: 0 },
      { kind: "block", first: 2, second: 0 },
      { kind: "a_shape", first: 1, second: 1 },
      { kind: "vertical_slash", first: 30, second: 60 },
      { kind: "block", first: 1, second: 0 },
      { kind: "a_shape", first: 9, second: 30 },
    ],
  };
  await using pair = await both(SHAPE);
  for (const [name, patterns] of Object.entries(kinds)) {
    await t.step(name, async () => {
      const sessions = [pair.cpu.session(), pair.cuda.session()] as const;
      for (const session of sessions) {
        for (const layer of [0, 1]) session.setPatterns(layer, patterns);
        for (const n of [170, 30]) await session.prefill(randomTokens(n, n), { plan: PLANS["dense"]! });
        await NativeSession.decode([session], [5]);
      }
      assertSame(sessions[1], sessions[0], 5e-5, true);
    });
  }
});

Deno.test("quantised caches do the same on both backends", async (t) => {
  await using pair = await both(SHAPE);
  const plans = ["dense", "snapkv", "hsa", "pages per query head", "single tokens, mean value", "oracle per head"];
  for (const [i, name] of [...plans, "rocketkv", "rocketkv-mt", "rocketkv with votes per query head"].entries()) {
    const kvBits = ([8, 4, 2] as const)[i % 3]!;
    await t.step(`${kvBits} bits, plan "${name}"`, async () => {
      // A key that lies between two codes may get either: such a difference is a step, not a rounding.
      const options: SessionOptions = { ...EXACT, kvBits, kvGroup: 8, kvResidual: 8 };
      await compare(pair.cpu, pair.cuda, { plan: PLANS[name]!, options, tolerance: 1e-3 });
    });
  }
});

Deno.test("every weight format gives the CPU's logits within the CPU's int8 rounding", async (t) => {
  for (const dtype of ["bf16", "f16", "q8_0", "q4_0", "q4_1", "q5_0", "q5_1", "q4_k", "q5_k", "q6_k"] as const) {
    await t.step(dtype, async () => {
      await using pair = await both({ layers: 1, dim: 256, hiddenDim: 256, headDim: 64, dtype }, "gguf");
      const a = pair.cpu.session(), b = pair.cuda.session();
      for (const session of [a, b]) {
        await session.prefill(randomTokens(20, 1), { plan: PLANS["dense"]! });
        await NativeSession.decode([session], [3]);
      }
      const error = relativeError(b.logits(), a.logits());
      assert(error < 3e-2, `relative error ${error}`);
    });
  }
});

Deno.test("ragged sessions with different plans in one step equal single steps, and steps are replayed", async () => {
  await using cuda = await loadTiny(SHAPE, EMULATED);
  const plans = [
    "dense",
    "hsa",
    "rocketkv",
    "rocketkv-mt",
    "recent",
    "h2o",
    "tova",
    "recent, shifted positions",
    "single tokens, mean value",
    "votes per query head",
    "hsa",
    "oracle per group",
  ].map((name) => PLANS[name]!);
  const make = () =>
    Promise.all(plans.map(async (plan, i) => {
      const coded = i >= plans.length - 2 ? { kvBits: 4, kvGroup: 8, kvResidual: 8 } as const : {};
      const session = cuda.session({ kvType: i % 2 === 0 ? "f32" : "bf16", ...coded });
      await session.prefill(randomTokens(12 + 9 * i, i), { plan });
      return session;
    }));
  const together = await make(), single = await make();
  for (let step = 0; step < 6; step++) {
    const tokens = randomTokens(plans.length, 50 + step);
    await NativeSession.decode(together, tokens);
    for (const [i, session] of single.entries()) await NativeSession.decode([session], [tokens[i]!]);
    together.forEach((session, i) => {
      const error = relativeError(session.logits(), single[i]!.logits());
      assert(error < 1e-6, `step ${step}, session ${i}: relative error ${error}`);
    });
  }
});

Deno.test("the same seed draws the same text on both backends", async () => {
  await using pair = await both(SHAPE);
  for (const sampler of [GREEDY, { ...GREEDY, temperature: 0.8, topK: 20, topP: 0.9, repeatPenalty: 1.2, seed: 5n }]) {
    const texts: number[][] = [];
    for (const tiny of [pair.cpu, pair.cuda]) {
      const session = tiny.session();
      await session.prefill(randomTokens(30, 1), { plan: PLANS["rocketkv"]! });
      const text = [session.sample(sampler)];
      for (let i = 0; i < 8; i++) {
        text.push((await NativeSession.decode([session], [text.at(-1)!], { samplers: [sampler] })).tokens[0]!);
      }
      texts.push(text);
    }
    assert.deepEqual(texts[1], texts[0]);
  }
});

Deno.test("a session saved on one device goes on on the other", async () => {
  await using pair = await both(SHAPE);
  const path = `${pair.cpu.folder}/saved`;
  const original = pair.cpu.session();
  await original.prefill(randomTokens(45, 1), { plan: PLANS["rocketkv-mt"]! });
  await original.save(path);
  using loaded = await NativeSession.load(pair.cuda.model, path);
  for (const session of [original, loaded]) await NativeSession.decode([session], [7]);
  assertSame(loaded, original, 5e-5, true);
});

Deno.test("forks on the device share the cache", async () => {
  await using cuda = await loadTiny(SHAPE, EMULATED);
  const parent = cuda.session();
  await parent.prefill(randomTokens(45, 1));
  const before = cuda.model.usage().kv_bytes_live;
  using a = parent.fork(), b = parent.fork();
  assert.equal(cuda.model.usage().kv_bytes_live, before);
  for (const fork of [a, b]) {
    await fork.compress(PLANS["rocketkv"]!);
    await NativeSession.decode([fork], [1]);
  }
  assert.deepEqual([...a.logits()], [...b.logits()]);
});
