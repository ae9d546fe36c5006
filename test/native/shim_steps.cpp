// Plain C wrappers around the ops of the CPU backend that work behind attention, for tests.
#include <vector>

#include "caches.h"
#include "core/ops.h"
#include "cpu/attend_rows.h"
#include "cpu/code_kernels.h"
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

/// One head: k, v [n, d] of the KV dtype to codes u8 [n, d * bits / 8] and scales f16 [n / group, 2, d] and
/// [n, 2, d / group].
extern "C" RKV_API void rkvt_quantise(int32_t level, int32_t threads, int32_t kv, int32_t n, int32_t d, int32_t bits,
                                      int32_t group, const uint8_t* k, const uint8_t* v, uint8_t* k_codes,
                                      uint8_t* v_codes, uint16_t* k_scale, uint16_t* v_scale) {
  ThreadPool pool(threads);
  const auto dtype = static_cast<DType>(kv);
  const size_t bytes = static_cast<size_t>(n) * d * cpu::element_bytes(dtype);
  rkvt::Guarded<uint8_t> keys(k, bytes), values(v, bytes);
  rkvt::Coded coded(keys.data(), values.data(), n, d, bits, group);
  cpu::quantise(pool, static_cast<cpu::CpuLevel>(level), {&coded.head, 1}, d, dtype);
  coded.k_codes.copy_to(k_codes);
  coded.v_codes.copy_to(v_codes);
  coded.k_scale.copy_to(k_scale);
  coded.v_scale.copy_to(v_scale);
}

/// One row: codes u8 [d * bits / 8], scale and min f32 [d] to a row of the KV dtype.
extern "C" RKV_API void rkvt_decode_row(int32_t level, int32_t kv, int32_t d, int32_t bits, const uint8_t* codes,
                                        const float* scale, const float* min, uint8_t* row) {
  const auto dtype = static_cast<DType>(kv);
  rkvt::Guarded<uint8_t> from(codes, static_cast<size_t>(d) * bits / 8), to(nullptr, d * cpu::element_bytes(dtype));
  rkvt::Guarded<float> scales(scale, d), mins(min, d);
  cpu::code_kernels(static_cast<cpu::CpuLevel>(level), dtype)
      .decode(from.data(), bits, scales.data(), mins.data(), d, to.data());
  to.copy_to(row);
}
