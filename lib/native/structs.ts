/**
 * The structs of `cuda/include/rocketkv.h`, in its order and with its names; `test/unit/struct_test.ts` compares the
 * two. What the fields mean is said there.
 */
import { Struct, type Values } from "./struct.ts";

export const ERROR = new Struct({ code: "i32", message: "char[504]" });

export const PROGRESS = new Struct({ cancel: "i32", done: "i64", total: "i64" });

export const DEVICE_DESC = new Struct({
  kind: "i32",
  usable: "i32",
  threads: "i32",
  memory_total: "i64",
  memory_free: "i64",
  name: "char[128]",
  arch: "char[128]",
  detail: "char[256]",
});

export const MODEL_CONFIG = new Struct({
  n_layers: "i32",
  dim: "i32",
  hidden_dim: "i32",
  n_heads: "i32",
  n_kv_heads: "i32",
  head_dim: "i32",
  vocab_size: "i32",
  max_context: "i32",
  rope_dims: "i32",
  rope_interleaved: "i32",
  sliding_window: "i32",
  qkv_bias: "i32",
  qk_norm: "i32",
  norm_eps: "f32",
  rope_attn_factor: "f32",
  threads: "i32",
  cpu_level: "i32",
});

export const SESSION_OPTIONS = new Struct({
  kv_dtype: "i32",
  chunk_tokens: "i32",
  trace: "i32",
  observe: "i32",
  kv_bits: "i32",
  kv_group: "i32",
  kv_residual: "i32",
});

export const PLAN = new Struct({
  evict: "i32",
  keep: "i32",
  sinks: "i32",
  recent: "i32",
  keep_history: "i32",
  score: "i32",
  window: "i32",
  future: "i32",
  covariance: "i32",
  lag: "i32",
  seed: "u32",
  agree: "i32",
  value_weight: "i32",
  value_epsilon: "f32",
  pool: "i32",
  pool_width: "i32",
  tie_by_position: "i32",
  alloc: "i32",
  safeguard: "f32",
  critical: "f32",
  select: "i32",
  page_size: "i32",
  query_dims: "i32",
  top_k: "i32",
  rank: "i32",
  sign: "i32",
  whole_pages: "i32",
  pin_sinks: "i32",
  pin_recent: "i32",
  mean_value: "i32",
  step_keep: "i32",
  step_evict: "i32",
  step_recent: "i32",
  shift_positions: "i32",
  dense_heads_low: "u32",
  dense_heads_high: "u32",
});

export const COMPRESS_REPORT = new Struct({
  kept_min: "i32",
  kept_max: "i32",
  reserved: "i32",
  bytes_before: "i64",
  bytes_after: "i64",
  bytes_aux: "i64",
});

export const PATTERN = new Struct({ kind: "i32", first: "i32", second: "i32" });

export const SAMPLER = new Struct({
  temperature: "f32",
  top_k: "i32",
  top_p: "f32",
  min_p: "f32",
  repeat_penalty: "f32",
  repeat_last_n: "i32",
  reserved: "u32",
  seed: "u64",
});

export const SESSION_STATS = new Struct({
  state: "i32",
  n_tokens: "i32",
  n_steps: "i32",
  kv_bytes: "i64",
  kv_own_bytes: "i64",
  kv_peak_bytes: "i64",
  aux_bytes: "i64",
  query_bytes: "i64",
  score_read_bytes: "i64",
  attend_read_bytes: "i64",
  tokens_attended: "i64",
  total_score_read_bytes: "i64",
  total_attend_read_bytes: "i64",
  prefill_ns: "i64",
  compress_ns: "i64",
  select_ns: "i64",
  attend_ns: "i64",
  linear_ns: "i64",
  sample_ns: "i64",
});

export const MODEL_USAGE = new Struct({
  threads: "i32",
  weight_bytes: "i64",
  decode_bytes: "i64",
  kv_bytes_live: "i64",
  kv_bytes_peak: "i64",
  work_bytes_peak: "i64",
});

/** C name of every struct above. */
export const STRUCTS = {
  rkv_error: ERROR,
  rkv_progress: PROGRESS,
  rkv_device_desc: DEVICE_DESC,
  rkv_model_config: MODEL_CONFIG,
  rkv_session_options: SESSION_OPTIONS,
  rkv_plan: PLAN,
  rkv_compress_report: COMPRESS_REPORT,
  rkv_pattern: PATTERN,
  rkv_sampler: SAMPLER,
  rkv_session_stats: SESSION_STATS,
  rkv_model_usage: MODEL_USAGE,
} as const;

export type SessionStats = Values<typeof SESSION_STATS.fields>;
export type ModelUsage = Values<typeof MODEL_USAGE.fields>;
