/** RocketKV's plan in TensorRT-LLM's words. */
import assert from "node:assert/strict";
import type { Recipe } from "../../lib/engine/recipe.ts";
import { trtllmConfig, trtllmYaml } from "../../lib/export/trtllm.ts";
import { findMethod } from "../../lib/methods/registry.ts";

const shape = { headDim: 128, nHeads: 32, nKvHeads: 8, nLayers: 32 };
const request = { shape, promptTokens: 32768, newTokens: 128, ktCacheDtype: "bfloat16" } as const;
const recipe = (tokens: number, set: Recipe["set"] = {}): Recipe => ({
  method: findMethod("rocketkv"),
  budget: { kind: "tokens", tokens },
  set,
});

Deno.test("a plan that TensorRT-LLM can follow keeps its numbers, with pages counted instead of tokens", () => {
  const set = { prompt_budget: 2048, window: 64, kernel: 31, page_size: 4, query_dims: 128, top_k: 256 };
  const { config, notes } = trtllmConfig(recipe(1024, set), request);
  assert.deepEqual(config, {
    window_size: 64,
    kernel_size: 31,
    prompt_budget: 2048,
    topk: 64,
    topr: 128,
    page_size: 4,
    kt_cache_dtype: "bfloat16",
  });
  assert.equal(notes.length, 2, notes.join("\n")); // those that are always true
});

Deno.test("pages become powers of 2, and the query dims pay for it within the budget", () => {
  const [ours] = recipe(1024).method.plan({ ...shape, group: 4, ...request, tokenBudget: 1024, set: {} });
  assert.equal(ours.pageSize, 3);
  const { config, notes } = trtllmConfig(recipe(1024), request);
  assert.equal(config.page_size, 2);
  assert.equal(config.topk, Math.floor(ours.topK / 2));
  assert.equal(config.prompt_budget, ours.keep);
  assert(config.topr < ours.queryDims, `${config.topr}`);
  assert.match(notes.join("\n"), /page_size 2 and topr \d+ instead of 3 and 67: pages must be powers of 2 there/);
});

Deno.test("every setting without a field of its own is named", () => {
  const set = {
    pool: 1,
    sinks: 4,
    pin_recent: 1,
    rank: 1,
    tie: 1,
    sign: 1,
    group_rule: 1,
    dense_layers: 2,
    decode_tail: 1,
  };
  const notes = trtllmConfig(recipe(1024, set), request).notes.join("\n");
  const said = { pool: "avg", sinks: 4, rank: "logit_sum", tie: "position", sign: "head", group_rule: "max" };
  for (const [name, value] of Object.entries({ ...said, pin_recent: 1, dense_layers: 2, decode_tail: 1 })) {
    assert(notes.includes(`${name} ${value} has no field there`), `${name} in:\n${notes}`);
  }
});

Deno.test("a budget that holds the prompt is no configuration", () => {
  assert.throws(
    () => trtllmConfig(recipe(1024), { ...request, promptTokens: 500 }),
    /^RunError: Cannot export the plan: expected one that evicts, found a budget that keeps all 500 prompt tokens/,
  );
});

Deno.test("the file is what trtllm-serve reads, with every note in its header", () => {
  const made = trtllmConfig(recipe(512, { page_size: 4 }), { ...request, ktCacheDtype: "float8_e5m2" });
  const lines = trtllmYaml(made, "made for a test").split("\n");
  const header = lines.filter((line) => line.startsWith("#"));
  assert.equal(header[0], "# made for a test");
  for (const note of made.notes) assert(header.includes(`# - ${note}`), note);
  assert.deepEqual(lines.slice(header.length), [
    "backend: pytorch",
    "attn_backend: TRTLLM",
    "sparse_attention_config:",
    "  algorithm: rocket",
    ...Object.entries(made.config).map(([name, value]) => `  ${name}: ${value}`),
    "kv_cache_config:",
    "  enable_block_reuse: false",
    "enable_chunked_prefill: false",
    "",
  ]);
});
