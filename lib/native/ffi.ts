/**
 * C symbols of `cuda/include/rocketkv.h`, in the header's order. `test/unit/abi_test.ts` compares the two.
 *
 * There is no "pointer" here: pointers, views and callbacks would need an unscoped `--allow-ffi`, while handles (u64)
 * and buffers work with the permission for the one library file. Calls that can last longer than a blink are
 * nonblocking, so that Ctrl-C, timers and progress go on.
 */
export const symbols = {
  rkv_abi_version: { parameters: [], result: "i32" },
  rkv_device_count: { parameters: [], result: "i32" },
  rkv_device_info: {
    parameters: [
      "i32", // int32_t index
      "buffer", // rkv_device_desc* info
      "buffer", // rkv_error* err
    ],
    result: "i32",
  },
  rkv_device_bandwidth: {
    parameters: [
      "i32", // int32_t index
      "i32", // int32_t threads
      "i64", // int64_t bytes
      "i32", // int32_t rounds
      "buffer", // double* out_rate
      "buffer", // rkv_error* err
    ],
    result: "i32",
    nonblocking: true,
  },
  rkv_model_create: {
    parameters: [
      "buffer", // const rkv_model_config* config
      "buffer", // const double* inv_freq  [n_freq]
      "i32", // int32_t n_freq
      "i32", // int32_t device
      "buffer", // uint64_t* out_model
      "buffer", // rkv_error* err
    ],
    result: "i32",
  },
  rkv_model_load_tensor: {
    parameters: [
      "u64", // uint64_t model
      "i32", // int32_t role
      "i32", // int32_t layer
      "i32", // int32_t dtype
      "i32", // int32_t rows
      "i32", // int32_t cols
      "buffer", // const uint8_t* path
      "u64", // uint64_t offset
      "u64", // uint64_t n_bytes
      "buffer", // rkv_error* err
    ],
    result: "i32",
  },
  rkv_model_finish: {
    parameters: [
      "u64", // uint64_t model
      "buffer", // rkv_error* err
    ],
    result: "i32",
    nonblocking: true, // repacks or uploads weights
  },
  rkv_model_free: {
    parameters: [
      "u64", // uint64_t model
      "buffer", // rkv_error* err
    ],
    result: "i32",
  },
  rkv_session_create: {
    parameters: [
      "u64", // uint64_t model
      "buffer", // const rkv_session_options* options
      "buffer", // uint64_t* out_session
      "buffer", // rkv_error* err
    ],
    result: "i32",
  },
  rkv_session_fork: {
    parameters: [
      "u64", // uint64_t session
      "buffer", // uint64_t* out_session
      "buffer", // rkv_error* err
    ],
    result: "i32",
  },
  rkv_session_free: {
    parameters: [
      "u64", // uint64_t session
      "buffer", // rkv_error* err
    ],
    result: "i32",
  },
  rkv_session_save: {
    parameters: [
      "u64", // uint64_t session
      "buffer", // const uint8_t* path
      "buffer", // rkv_error* err
    ],
    result: "i32",
    nonblocking: true,
  },
  rkv_session_load: {
    parameters: [
      "u64", // uint64_t model
      "buffer", // const uint8_t* path
      "buffer", // uint64_t* out_session
      "buffer", // rkv_error* err
    ],
    result: "i32",
    nonblocking: true,
  },
  rkv_session_set_patterns: {
    parameters: [
      "u64", // uint64_t session
      "i32", // int32_t layer
      "buffer", // const rkv_pattern* patterns  [n_patterns]
      "i32", // int32_t n_patterns
      "buffer", // rkv_error* err
    ],
    result: "i32",
  },
  rkv_prefill: {
    parameters: [
      "u64", // uint64_t session
      "buffer", // const int32_t* tokens  [n_tokens]
      "i32", // int32_t n_tokens
      "buffer", // const rkv_plan* plans
      "i32", // n_plans
      "buffer", // rkv_compress_report* report
      "buffer", // rkv_progress* progress
      "buffer", // rkv_error* err
    ],
    result: "i32",
    nonblocking: true,
  },
  rkv_compress: {
    parameters: [
      "u64", // uint64_t session
      "buffer", // const rkv_plan* plans
      "i32", // n_plans
      "buffer", // rkv_compress_report* report
      "buffer", // rkv_error* err
    ],
    result: "i32",
    nonblocking: true,
  },
  rkv_sample: {
    parameters: [
      "u64", // uint64_t session
      "buffer", // const rkv_sampler* sampler
      "buffer", // int32_t* out_token
      "buffer", // rkv_error* err
    ],
    result: "i32",
  },
  rkv_decode: {
    parameters: [
      "buffer", // const uint64_t* sessions  [n]
      "buffer", // const int32_t* tokens     [n]
      "i32", // int32_t n
      "buffer", // float* logits             [n, vocab_size]
      "i64", // int64_t n_logits
      "buffer", // const rkv_sampler* samplers  [n]
      "buffer", // int32_t* tokens_out       [n]
      "buffer", // rkv_error* err
    ],
    result: "i32",
    nonblocking: true, // 20 us more than a direct call, against milliseconds in which Ctrl-C would be deaf
  },
  rkv_logits: {
    parameters: [
      "u64", // uint64_t session
      "buffer", // float* logits  [vocab_size]
      "i32", // int32_t n_logits
      "buffer", // rkv_error* err
    ],
    result: "i32",
  },
  rkv_stats: {
    parameters: [
      "u64", // uint64_t session
      "buffer", // rkv_session_stats* stats
      "buffer", // rkv_error* err
    ],
    result: "i32",
  },
  rkv_usage: {
    parameters: [
      "u64", // uint64_t model
      "buffer", // rkv_model_usage* stats
      "buffer", // rkv_error* err
    ],
    result: "i32",
  },
  rkv_model_reset_peak: {
    parameters: [
      "u64", // uint64_t model
      "buffer", // rkv_error* err
    ],
    result: "i32",
  },
  rkv_trace_cached: {
    parameters: [
      "u64", // uint64_t session
      "i32", // int32_t layer
      "i32", // int32_t head
      "buffer", // int32_t* positions  [capacity]
      "i32", // int32_t capacity
      "buffer", // int32_t* out_n
      "buffer", // rkv_error* err
    ],
    result: "i32",
  },
  rkv_trace_selected: {
    parameters: [
      "u64", // uint64_t session
      "i32", // int32_t layer
      "i32", // int32_t head
      "buffer", // int32_t* positions  [capacity]
      "i32", // int32_t capacity
      "buffer", // int32_t* out_n
      "buffer", // rkv_error* err
    ],
    result: "i32",
  },
  rkv_trace_weights: {
    parameters: [
      "u64", // uint64_t session
      "i32", // int32_t layer
      "i32", // int32_t head
      "buffer", // float* weights  [capacity]
      "i32", // int32_t capacity
      "buffer", // int32_t* out_n
      "buffer", // rkv_error* err
    ],
    result: "i32",
  },
} as const satisfies Deno.ForeignLibraryInterface;
