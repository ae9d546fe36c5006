#include "cpu/observe_queries.h"

#include <algorithm>
#include <cstring>

#include "cpu/float_buffer.h"
#include "cpu/kernel_set.h"
#include "cpu/observe_queries_kernels.h"

namespace rkv::cpu {

namespace avx2 {
extern const ObserveKernels observe_table;
}
namespace avx512 {
extern const ObserveKernels observe_table;
}
namespace avx512bf16 {
extern const ObserveKernels observe_table;
}

const ObserveKernels& observe_kernels(CpuLevel level) {
  return for_level(level, avx2::observe_table, avx512::observe_table, avx512bf16::observe_table);
}

void observe_queries(ThreadPool& pool, CpuLevel level, const float* q, int n, int n_heads, int d, double* sums) {
  const ObserveKernels& kernels = observe_kernels(level);
  const int pitch = (d + kernels.lanes - 1) / kernels.lanes * kernels.lanes;
  // Rows of q q^T per task. How they are dealt changes no bit of the result.
  const int rows = n_heads >= pool.size() ? d : std::min(d, 24), parts = (d + rows - 1) / rows;
  const size_t floats = static_cast<size_t>(kObserveTokens) * pitch;
  const FloatBuffer scratch = float_buffer(floats * pool.size());
  pool.run(n_heads * parts, [&](int task, int worker) {
    const int head = task / parts, first = task % parts * rows;
    float* block = &scratch[worker * floats];
    std::fill_n(block, floats, 0.0f);
    double* sum = sums + static_cast<size_t>(head) * (d + d * d);
    for (int from = 0; from < n; from += kObserveTokens) {
      const int tokens = std::min(kObserveTokens, n - from);
      // Side by side: rows that lie a power of two apart would fight for the same lines of the cache.
      for (int t = 0; t < tokens; t++)
        std::memcpy(block + t * pitch, q + (static_cast<size_t>(from + t) * n_heads + head) * d, sizeof(float) * d);
      if (first == 0) kernels.add_rows(block, tokens, d, pitch, sum);
      kernels.add_products(block, tokens, d, pitch, first, std::min(d, first + rows), sum + d);
    }
  });
}

}  // namespace rkv::cpu
