// Plain C wrappers around cpu/vector.h and cpu/bandwidth.h for test/native/vector_test.ts. Operands end at guard pages.
#include "cpu/bandwidth.h"
#include "cpu/vector.h"
#include "guarded.h"
#include "rocketkv.h"

using namespace rkv;
using namespace rkv::cpu;
using rkvt::Guarded;

namespace {
CpuLevel level_of(int32_t level) { return static_cast<CpuLevel>(level); }
size_t size(int64_t count) { return static_cast<size_t>(count); }
}  // namespace

extern "C" {

RKV_API void rkvt_rms_norm(int32_t level, int32_t threads, const float* x, const float* weight, float eps, int32_t n,
                           int32_t dim, float* y) {
  Guarded<float> in(x, size(int64_t{n} * dim)), scale(weight, size(dim));
  ThreadPool pool(threads);
  rms_norm(pool, level_of(level), in.data(), scale.data(), eps, n, dim, in.data());
  in.copy_to(y);
}

RKV_API void rkvt_add(int32_t level, int32_t threads, float* x, const float* y, int32_t count) {
  Guarded<float> a(x, size(count)), b(y, size(count));
  ThreadPool pool(threads);
  add(pool, level_of(level), a.data(), b.data(), count);
  a.copy_to(x);
}

RKV_API void rkvt_silu_mul(int32_t level, int32_t threads, float* gate, const float* up, int32_t count) {
  Guarded<float> a(gate, size(count)), b(up, size(count));
  ThreadPool pool(threads);
  silu_mul(pool, level_of(level), a.data(), b.data(), count);
  a.copy_to(gate);
}

/// Rotate x f32 [n, heads, d] by the table of `positions`, which is also given back: f32 [n, pairs, 2].
RKV_API void rkvt_rope(int32_t level, int32_t threads, const int32_t* positions, const double* inv_freq, int32_t pairs,
                       float factor, int32_t n, int32_t heads, int32_t d, int32_t interleaved, float* x, float* table) {
  Guarded<float> rows(x, size(int64_t{n} * heads * d)), angles(nullptr, size(int64_t{n} * pairs * 2));
  ThreadPool pool(threads);
  rope_table(pool, positions, n, inv_freq, pairs, factor, angles.data());
  rope(pool, level_of(level), rows.data(), n, heads, d, pairs, interleaved != 0, angles.data());
  rows.copy_to(x);
  angles.copy_to(table);
}

/// out: bytes [heads, stride]; the last `stride - n * row bytes` of every head stay 0.
RKV_API void rkvt_store_kv(int32_t level, int32_t threads, const float* rows, int32_t n, int32_t heads, int32_t d,
                           int32_t dtype, uint8_t* out, int32_t stride) {
  Guarded<float> in(rows, size(int64_t{n} * heads * d));
  Guarded<uint8_t> to(nullptr, size(int64_t{heads} * stride));
  ThreadPool pool(threads);
  for (int h = 0; h < heads; h++) {
    store_kv(pool, level_of(level), in.data() + h * d, n, int64_t{heads} * d, d, static_cast<DType>(dtype),
             to.data() + h * size(stride));
  }
  to.copy_to(out);
}

RKV_API double rkvt_read_bandwidth(int32_t level, int32_t threads, int32_t bytes, int32_t rounds) {
  ThreadPool pool(threads);
  return read_bandwidth(pool, level_of(level), bytes, rounds);
}

}  // extern "C"
