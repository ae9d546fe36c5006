import assert from "node:assert/strict";
import { checkMemory, cudaWeightBytes, memoryNeed, type Workload } from "../../lib/engine/memory.ts";
import { benchmarkWorkload, chatWorkload, generateWorkload, unitWorkload } from "../../lib/engine/workload.ts";
import { RunError } from "../../lib/error.ts";
import { findMethod, methods } from "../../lib/methods/registry.ts";
import type { ModelConfig, ModelSource, TensorRef } from "../../lib/model/types.ts";
import { card, CPU, GIB } from "../support/devices.ts";

const CONFIG: ModelConfig = {
  architecture: "llama",
  nLayers: 32,
  dim: 4096,
  hiddenDim: 14336,
  nHeads: 32,
  nKvHeads: 8,
  headDim: 128,
  vocabSize: 128256,
  contextLength: 131072,
  normEps: 1e-5,
  rope: { dims: 128, interleaved: false, invFreq: new Float64Array(64), attentionFactor: 1, description: "" },
  slidingWindow: 0,
  qkvBias: false,
  qkNorm: false,
};

const tensor = (rows: number, cols: number, bytes: number, offset: number): TensorRef => ({
  name: "t",
  role: "wq",
  layer: 0,
  dtype: "bf16",
  rows,
  cols,
  path: "f",
  offset,
  bytes,
});

/** A model whose weights take `gib` GiB. */
const source = (gib: number): ModelSource => ({
  path: "m",
  format: "gguf",
  name: "Example 8B",
  config: CONFIG,
  tensors: Array.from({ length: gib }, (_, i) => tensor(2 ** 15, 2 ** 14, GIB, i)),
  text: { kind: "gguf", metadata: new Map() },
  parameters: 0,
  weightBytes: gib * GIB,
});

const recipe = (name: string) => ({
  method: findMethod(name),
  budget: { kind: "tokens", tokens: 1024 } as const,
  set: {},
});
const full = (promptTokens: number, newTokens = 128) =>
  generateWorkload(CONFIG, promptTokens, { recipe: recipe("full"), newTokens });

Deno.test("the memory of a run on CUDA is its weights, its cache and its activations", () => {
  const { weightBytes, cacheBytes, workBytes } = memoryNeed(source(5), full(131_072 - 128), "cuda");
  assert.equal(weightBytes, 5 * GIB);
  // 128 KiB of K and V per token, 1 KiB of positions.
  assert.equal(cacheBytes, 131_072 * (128 + 1) * 1024);
  // Mostly 4096 floats of the residual stream and 128 of RoPE per token.
  assert(workBytes > 131_072 * 4224 * 4 * 0.99 && workBytes < 131_072 * 4224 * 4 * 1.2, `${workBytes}`);
});

Deno.test("a method that evicts needs less cache than the full one", () => {
  const need = (name: string) =>
    memoryNeed(source(5), generateWorkload(CONFIG, 100_000, { recipe: recipe(name), newTokens: 128 }), "cuda");
  assert(need("rocketkv").cacheBytes < need("full").cacheBytes / 2);
  assert(need("hsa").cacheBytes > need("full").cacheBytes, "page bounds come on top of the full cache");
});

Deno.test("for the CPU only the prompt's cache counts: weights are mapped, and a text may end early", () => {
  assert.deepEqual(memoryNeed(source(50), full(1000, 100_000), "cpu"), {
    weightBytes: 0,
    cacheBytes: 1000 * (128 + 1) * 1024,
    workBytes: 0,
  });
});

Deno.test("what does not fit is refused with all numbers and what to do", () => {
  assert.throws(
    () => checkMemory(source(5), full(131_072 - 128), card(0)),
    new RunError(
      "Cannot load Example 8B on cuda:0: it needs 23.3 GiB " +
        "(weights 5.0 GiB, cache 16.1 GiB for 131072 tokens, activations 2.2 GiB): " +
        "free are 15.0 GiB of 24.0 GiB: shorten the prompt, or lower the budget, or pass --device cpu",
    ),
  );
  assert.throws(
    () => checkMemory(source(16), full(100), card(1)),
    /^RunError: Cannot load .* on cuda:1: .* \(weights 16\.0 GiB, .*: take a smaller model, or pass --device cpu$/,
  );
  assert.throws(
    () => checkMemory(source(5), full(100_000), CPU),
    new RunError(
      "Cannot load Example 8B on cpu: it needs 12.3 GiB (cache 12.3 GiB for 100000 tokens): " +
        "free are 8.0 GiB of 16.0 GiB: shorten the prompt, or lower the budget",
    ),
  );
});

Deno.test("what fits is not refused, nor where the system does not say what it has", () => {
  checkMemory(source(5), full(1000), card(0));
  checkMemory(source(50), full(60_000), CPU);
  checkMemory(source(5), full(1_000_000), { ...CPU, memoryTotal: 0, memoryFree: 0 });
});

Deno.test("weights on CUDA are those of the file, rows padded to 4, vectors as f32, large ones in whole pages", () => {
  assert.equal(cudaWeightBytes([tensor(1, 4096, 8192, 0)]), 4 * 4096);
  assert.equal(cudaWeightBytes([tensor(33, 64, 33 * 128, 0)]), 36 * 128);
  assert.equal(cudaWeightBytes([tensor(1000, 1000, 2_000_000, 0)]), 2 ** 21);
  const embedding = tensor(1024, 1024, 2 ** 21, 0);
  assert.equal(cudaWeightBytes([embedding, { ...embedding, role: "lm_head" }]), 2 ** 21, "a tied head is stored once");
});

Deno.test("a benchmark holds the full cache of its longest prompt beside the plan's", () => {
  const bench = (name: string): Workload =>
    benchmarkWorkload(CONFIG, {
      contexts: [1000, 50_000],
      recipes: [{ method: findMethod(name), budget: { kind: "tokens", tokens: 1024 }, set: {} }],
      steps: 32,
      session: {},
    });
  const cache = (workload: Workload) => memoryNeed(source(5), workload, "cuda").cacheBytes;
  assert.equal(cache(bench("full")), 50_032 * (128 + 1) * 1024);
  assert(cache(bench("snapkv")) > 50_000 * (128 + 1) * 1024 + 1024 * 128 * 1024);
});

for (const { name } of methods.filter(({ files }) => files === undefined)) {
  Deno.test(`a conversation with ${name} asks for little before its first message`, () => {
    const workload = chatWorkload(CONFIG, { recipe: recipe(name), newTokens: 512 });
    assert(memoryNeed(source(5), workload, "cuda").cacheBytes < GIB / 4);
  });
}

Deno.test("a unit needs its prompt, a batch of forks, and one more prompt where a prefill is sparse", () => {
  const cache = (names: readonly string[]) => {
    const arms = names.map((name) => ({ recipe: recipe(name) }));
    const unit = unitWorkload(CONFIG, { promptTokens: 100_000, arms, newTokens: 128, session: {} });
    return memoryNeed(source(5), unit, "cuda").cacheBytes;
  };
  const prompt = 100_000 * (128 + 1) * 1024, fork = cache(["full"]) - prompt;
  assert.equal(fork, 128 * (128 + 1) * 1024); // what a fork keeps whole it shares
  assert.equal(cache(["full", "full", "full"]), prompt + 3 * fork);
  assert.equal(cache(Array(40).fill("full")), prompt + 16 * fork);
  assert.equal(cache(["full", "minference"]), 2 * prompt + 2 * fork);
});
