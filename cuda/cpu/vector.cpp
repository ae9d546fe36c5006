#include "cpu/vector.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "cpu/kernel_set.h"
#include "cpu/vector_kernels.h"

namespace rkv::cpu {

namespace avx2 {
extern const VectorKernels vector_table;
}
namespace avx512 {
extern const VectorKernels vector_table;
}
namespace avx512bf16 {
extern const VectorKernels vector_table;
}

const VectorKernels& vector_kernels(CpuLevel level) {
  return for_level(level, avx2::vector_table, avx512::vector_table, avx512bf16::vector_table);
}

namespace {

// Some microseconds of work: below that, handing a task over costs more than it saves.
constexpr int64_t kElementsPerTask = 16384;

/// fn(first, last) for stretches of `count` items of `elements` each.
template <class Fn>
void for_stretches(ThreadPool& pool, int64_t count, int64_t elements, Fn&& fn) {
  const int64_t step = std::max<int64_t>(1, kElementsPerTask / std::max<int64_t>(1, elements));
  pool.run(static_cast<int>((count + step - 1) / step),
           [&](int task, int) { fn(task * step, std::min(count, (task + 1) * step)); });
}

}  // namespace

void rms_norm(ThreadPool& pool, CpuLevel level, const float* x, const float* weight, float eps, int n, int dim,
              float* y) {
  for_stretches(pool, n, dim, [&](int64_t first, int64_t last) {
    vector_kernels(level).rms_norm(x + first * dim, weight, eps, static_cast<int>(last - first), dim, y + first * dim);
  });
}

void add(ThreadPool& pool, CpuLevel level, float* x, const float* y, int64_t count) {
  for_stretches(pool, count, 1,
                [&](int64_t first, int64_t last) { vector_kernels(level).add(x + first, y + first, last - first); });
}

void silu_mul(ThreadPool& pool, CpuLevel level, float* gate, const float* up, int64_t count) {
  for_stretches(pool, count, 1, [&](int64_t first, int64_t last) {
    vector_kernels(level).silu_mul(gate + first, up + first, last - first);
  });
}

void rope_table(ThreadPool& pool, const int32_t* positions, int n, const double* inv_freq, int pairs, float factor,
                float* table) {
  constexpr int kCost = 32;  // a sine and a cosine cost as much as that many elements of anything else here
  for_stretches(pool, n, int64_t{kCost} * pairs, [&](int64_t first, int64_t last) {
    for (int64_t t = first; t < last; t++) {
      for (int i = 0; i < pairs; i++) {
        const double angle = positions[t] * inv_freq[i];
        table[(t * pairs + i) * 2] = static_cast<float>(std::cos(angle) * factor);
        table[(t * pairs + i) * 2 + 1] = static_cast<float>(std::sin(angle) * factor);
      }
    }
  });
}

void rope(ThreadPool& pool, CpuLevel level, float* x, int n, int heads, int d, int pairs, bool interleaved,
          const float* table) {
  const int64_t row = int64_t{heads} * d;
  for_stretches(pool, n, row, [&](int64_t first, int64_t last) {
    for (int64_t t = first; t < last; t++)
      vector_kernels(level).rope(x + t * row, heads, d, pairs, interleaved, table + t * pairs * 2);
  });
}

void store_kv(ThreadPool& pool, CpuLevel level, const float* rows, int n, int64_t stride, int d, DType kv, void* dst) {
  const int64_t d_bytes = row_bytes(kv, d);
  for_stretches(pool, n, d, [&](int64_t first, int64_t last) {
    auto* to = static_cast<uint8_t*>(dst) + first * d_bytes;
    for (int64_t t = first; t < last; t++, to += d_bytes) {
      if (kv == RKV_F32) {
        std::memcpy(to, rows + t * stride, static_cast<size_t>(d_bytes));
      } else {
        vector_kernels(level).to_bf16(rows + t * stride, d, reinterpret_cast<uint16_t*>(to));
      }
    }
  });
}

}  // namespace rkv::cpu
