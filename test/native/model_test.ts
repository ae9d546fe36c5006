import assert from "node:assert/strict";
import { DENSE } from "../../lib/methods/plan.ts";
import { NativeSession } from "../../lib/native/session.ts";
import { type LoadedTiny, loadTiny, randomTokens, relativeError } from "../support/native.ts";
import type { TinyOptions } from "../support/tiny_model.ts";

// f32 weights, activations and KV against float64: only the rounding of sums of up to 256 terms is left.
const F32 = 2e-5;

const MODELS: Record<string, TinyOptions> = {
  "llama, GQA": {},
  "llama, MHA, head dim 24": { heads: 3, kvHeads: 3, headDim: 24 },
  "llama, MQA, group 8": { heads: 8, kvHeads: 1, headDim: 32, dim: 96 },
  "llama, heads wider than the model": { heads: 4, kvHeads: 2, headDim: 80 },
  "llama, tied head, llama3 RoPE": {
    tied: true,
    ropeScaling: {
      rope_type: "llama3",
      factor: 8,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 64,
    },
  },
  "llama, linear RoPE": { ropeScaling: { rope_type: "linear", factor: 4 } },
  "mistral, sliding window": { arch: "mistral", slidingWindow: 20 },
  "qwen2, QKV bias": { arch: "qwen2" },
  "qwen3, QK norm": { arch: "qwen3" },
};

/** Prefill `n` tokens and decode a few: all logits within a relative tolerance of the float64 model's. */
async function assertEqualsReference(tiny: LoadedTiny, n: number, tolerance: number): Promise<void> {
  const tokens = randomTokens(n, 3), next = randomTokens(5, 4);
  const reference = tiny.reference();
  const wanted = [reference.prefill(tokens)];
  reference.compress(DENSE);
  for (const token of next) wanted.push(reference.decode(token));

  const session = tiny.session();
  await session.prefill(tokens);
  const found = [session.logits()];
  await session.compress(DENSE);
  for (const token of next) {
    await NativeSession.decode([session], [token]);
    found.push(session.logits());
  }
  wanted.forEach((logits, i) => {
    const error = relativeError(found[i]!, logits);
    assert(error < tolerance, `step ${i}: relative error ${error}`);
  });
}

for (const [name, options] of Object.entries(MODELS)) {
  Deno.test(`prefill and decode equal the float64 reference: ${name}`, async () => {
    await using tiny = await loadTiny(options);
    await assertEqualsReference(tiny, 71, F32);
  });
}

Deno.test("a GGUF file and a Hugging Face folder of the same weights give the same logits", async (t) => {
  for (const arch of ["llama", "qwen2", "qwen3"] as const) {
    await t.step(arch, async () => {
      await using folder = await loadTiny({ arch });
      await using gguf = await loadTiny({ arch }, { format: "gguf" });
      const tokens = randomTokens(40, 5);
      const [a, b] = [folder.session(), gguf.session()];
      await a.prefill(tokens);
      await b.prefill(tokens);
      const error = relativeError(a.logits(), b.logits());
      assert(error < F32, `relative error ${error}`);
    });
  }
});

Deno.test("chunk size does not change the logits beyond the rounding of f32 sums", async () => {
  await using tiny = await loadTiny({ layers: 3 });
  const tokens = randomTokens(70, 6);
  const whole = tiny.session({ kvType: "f32", chunkTokens: 70 });
  await whole.prefill(tokens);
  for (const chunkTokens of [1, 7, 32, 69]) {
    const chunked = tiny.session({ kvType: "f32", chunkTokens });
    await chunked.prefill(tokens);
    const error = relativeError(chunked.logits(), whole.logits());
    assert(error < F32, `chunks of ${chunkTokens}: relative error ${error}`);
  }
});

Deno.test("a prompt prefilled in two calls equals one call", async () => {
  await using tiny = await loadTiny();
  const tokens = randomTokens(50, 7);
  const once = tiny.session(), twice = tiny.session();
  await once.prefill(tokens);
  await twice.prefill(tokens.slice(0, 17));
  await twice.prefill(tokens.slice(17));
  assert(relativeError(twice.logits(), once.logits()) < F32);
});

Deno.test("every instruction set gives the same logits within the rounding of bf16 KV", async () => {
  const tokens = randomTokens(70, 8);
  const all: Float32Array[] = [];
  for (const cpuLevel of [1, 2, 3]) {
    await using tiny = await loadTiny({}, { cpuLevel });
    const session = tiny.session({ kvType: "bf16" });
    await session.prefill(tokens);
    all.push(session.logits());
  }
  // bf16 keeps 8 bits: probabilities and values of the bf16 kernels are rounded to 2^-9 each.
  for (const logits of all) {
    const error = relativeError(logits, all[0]!);
    assert(error < 2e-2, `relative error ${error}`);
  }
});

Deno.test("quantised models stay within the error of int8 activations", async (t) => {
  for (const dtype of ["bf16", "f16", "q8_0", "q4_0", "q4_1", "q5_0", "q5_1", "q4_k", "q5_k", "q6_k"] as const) {
    await t.step(dtype, async () => {
      await using tiny = await loadTiny({ dim: 256, hiddenDim: 256, headDim: 64, dtype }, { format: "gguf" });
      // Activations keep 8 bits in every product, weights and caches are exact.
      await assertEqualsReference(tiny, 40, 3e-2);
    });
  }
});
