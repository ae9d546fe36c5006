/**
 * A plan of RocketKV in the words of TensorRT-LLM: `sparse_attention_config` of its LLM API, algorithm `rocket`, as its
 * documentation of release 1.3.0 has it. What it cannot say is told apart, so that nobody takes two servers for equal.
 */
import { planFor, type PlanShape, type Recipe } from "../engine/recipe.ts";
import { RunError } from "../error.ts";
import { type Plan, planOfLayer } from "../methods/plan.ts";

/** The release whose names these are. */
export const TRTLLM_VERSION = "1.3.0";

/** Element types of the page bounds, which TensorRT-LLM calls the KT cache. */
export const KT_CACHE_DTYPES = ["float8_e5m2", "bfloat16"] as const;
export type KtCacheDtype = typeof KT_CACHE_DTYPES[number];

/** Fields of `RocketSparseAttentionConfig`. */
export interface RocketConfig {
  /** Prompt tokens whose queries vote, and that are kept. */
  readonly window_size: number;
  /** Width of the max pooling of votes. */
  readonly kernel_size: number;
  /** Prompt tokens kept per KV head, the window included. */
  readonly prompt_budget: number;
  /** Pages, not tokens, that a decode step selects. */
  readonly topk: number;
  /** Query dims read to score a page. */
  readonly topr: number;
  /** Tokens of a page: a power of 2. */
  readonly page_size: number;
  readonly kt_cache_dtype: KtCacheDtype;
}

export interface TrtllmExport {
  readonly config: RocketConfig;
  /** What of the plan is not in the configuration, one sentence each. */
  readonly notes: readonly string[];
}

export interface TrtllmRequest {
  readonly shape: PlanShape;
  readonly promptTokens: number;
  readonly newTokens: number;
  readonly ktCacheDtype: KtCacheDtype;
}

/**
 * Plan for pages that TensorRT-LLM can have: the query dims then follow from them, so that the budget is met all the same.
 *
 * @param recipe  RocketKV with any budget.
 * @throws {RunError} for a budget that keeps the whole prompt, {UsageError} for numbers that cannot work together.
 */
export function trtllmConfig(recipe: Recipe, request: TrtllmRequest): TrtllmExport {
  const { shape, promptTokens, newTokens, ktCacheDtype } = request;
  const lastLayer = (set: Recipe["set"]) =>
    planOfLayer(planFor({ ...recipe, set }, shape, promptTokens, newTokens).plans, shape.nLayers - 1);
  const wanted = lastLayer(recipe.set);
  if (wanted.evict === "none") {
    throw new RunError(
      `Cannot export the plan: expected one that evicts, found a budget that keeps all ${promptTokens} prompt tokens: ` +
        "lower --budget or raise --context",
    );
  }
  const pageSize = 2 ** Math.floor(Math.log2(wanted.pageSize));
  const plan = lastLayer({ ...recipe.set, page_size: pageSize });
  const config = {
    window_size: plan.window,
    kernel_size: plan.poolWidth,
    prompt_budget: plan.keep,
    topk: Math.max(1, Math.floor(plan.topK / pageSize)),
    topr: plan.queryDims,
    page_size: pageSize,
    kt_cache_dtype: ktCacheDtype,
  };
  return {
    config,
    notes: [
      ...(pageSize === wanted.pageSize ? [] : [
        `page_size ${pageSize} and topr ${plan.queryDims} instead of ${wanted.pageSize} and ${wanted.queryDims}: ` +
        "pages must be powers of 2 there",
      ]),
      ...roundings(plan, config, shape.headDim),
      ...losses(plan, recipe.set, promptTokens),
    ],
  };
}

function roundings(plan: Plan, config: RocketConfig, headDim: number): string[] {
  const notes: string[] = [];
  const attended = config.topk * config.page_size;
  if (attended !== plan.topK) {
    notes.push(`topk ${config.topk} pages attend to ${attended} tokens instead of ${plan.topK}: pages are whole there`);
  }
  if (config.topr < headDim) {
    notes.push(`topr ${config.topr} of ${headDim} dims as planned; its documentation finds topr ${headDim} faster`);
  }
  if (config.kt_cache_dtype === "float8_e5m2") {
    notes.push(
      "kt_cache_dtype float8_e5m2 scores pages with 8-bit bounds; ours are bfloat16: --kt-cache-dtype bfloat16",
    );
  }
  return notes;
}

/** What has no field there, wherever the plan makes use of it. */
function losses(plan: Plan, set: Recipe["set"], promptTokens: number): string[] {
  const unsaid: readonly [name: string, used: boolean, value: unknown][] = [
    ["pool", plan.pool !== "max", plan.pool],
    ["group_rule", plan.agree !== "sum", plan.agree],
    ["tie", plan.tieByPosition, "position"],
    ["sinks", plan.sinks > 0, plan.sinks],
    ["pin_sinks", plan.pinSinks > 0, plan.pinSinks],
    ["pin_recent", plan.pinRecent > 0, plan.pinRecent],
    ["rank", plan.rank !== "softmax_mean", plan.rank],
    ["sign", plan.sign !== "group", plan.sign],
    ["dense_layers", (set["dense_layers"] ?? 0) > 0, set["dense_layers"]],
    ["decode_tail", (set["decode_tail"] ?? 0) > 0, set["decode_tail"]],
  ];
  return [
    `prompt_budget ${plan.keep} is for ${promptTokens} prompt tokens: there it is the same for prompts of every length`,
    "attention there reads whole KV cache blocks around the selected pages, more than the budget counts",
    ...unsaid.filter(([, used]) => used).map(([name, , value]) =>
      `${name} ${value} has no field there and is left out`
    ),
  ];
}

/**
 * The file for `trtllm-serve MODEL --config FILE`, with what its documentation asks for besides: RocketKV needs the
 * PyTorch backend, no reuse of KV blocks and no chunked prefill.
 *
 * @param origin  One line that says where the numbers come from.
 */
export function trtllmYaml({ config, notes }: TrtllmExport, origin: string): string {
  const fields = Object.entries(config).map(([name, value]) => `  ${name}: ${value}`);
  return [
    `# ${origin}`,
    `# Names of TensorRT-LLM ${TRTLLM_VERSION}: trtllm-serve MODEL --config FILE, on a GPU of compute capability 10.0 or newer.`,
    ...(notes.length > 0 ? ["# What differs from rocketkv's own plan:"] : []),
    ...notes.map((note) => `# - ${note}`),
    "backend: pytorch",
    "attn_backend: TRTLLM",
    "sparse_attention_config:",
    "  algorithm: rocket",
    ...fields,
    "kv_cache_config:",
    "  enable_block_reuse: false",
    "enable_chunked_prefill: false",
    "",
  ].join("\n");
}
