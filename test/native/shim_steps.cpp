// Plain C wrappers around the ops of the CPU backend that work behind attention, for tests.
#include <vector>

#include "core/ops.h"
#include "cpu/attend_rows.h"
#include "cpu/evict_step.h"

using namespace rkv;
using cpu::ThreadPool;

/// Caches of n slots: k, v [n_heads, n, d] of the KV dtype, position i32 and score f32 [n_heads, n], in and out. With
/// `shared` all heads go by the scores of the first.
extern "C" RKV_API void rkvt_evict_step(int32_t threads, int32_t kv, int32_t n_heads, int32_t n, int32_t d,
                                        int32_t sinks, int32_t newest, int32_t moves_score, int32_t shared, uint8_t* k,
                                        uint8_t* v, int32_t* position, float* score) {
  ThreadPool pool(threads);
  const auto dtype = static_cast<DType>(kv);
  const size_t head_bytes = static_cast<size_t>(n) * d * cpu::element_bytes(dtype);
  std::vector<StepHead> heads;
  for (int h = 0; h < n_heads; h++)
    heads.push_back({k + h * head_bytes, v + h * head_bytes, position + h * n, score + (shared != 0 ? 0 : h * n),
                     moves_score != 0, n, sinks, newest});
  cpu::evict_step(pool, heads, d, dtype);
}
