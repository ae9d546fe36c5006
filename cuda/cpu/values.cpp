#include "cpu/values.h"

#include <vector>

#include "cpu/row_kernels.h"
#include "cpu/row_splits.h"

namespace rkv::cpu {

void weigh_by_value(ThreadPool& pool, CpuLevel level, std::span<const ValueHead> heads, float epsilon, int d,
                    DType kv) {
  const RowKernels& kernels = row_kernels(level, kv);
  run_splits(
      pool, splits_of(heads, [](const ValueHead& head) { return head.n_scored; }),
      [&](int item, int split, int) {
        const ValueHead& head = heads[item];
        const RowSplit rows(head.cache, split, head.n_scored, d, kv);
        float norm[kSplitRows];
        kernels.norms(rows.v, rows.n, d, norm);
        for (int i = 0; i < rows.n; i++) head.score[rows.from + i] = (head.score[rows.from + i] + epsilon) * norm[i];
      },
      [](int, int) {});
}

void sum_values(ThreadPool& pool, CpuLevel level, const HeadCache& cache, int d, DType kv, float* sum) {
  const RowKernels& kernels = row_kernels(level, kv);
  const int n = cache.candidates(), splits = row_splits(n);
  std::vector<float> sums(static_cast<size_t>(splits) * d);
  pool.run(splits, [&](int split, int) {
    const RowSplit rows(cache, split, n, d, kv, true);
    kernels.sum(rows.v, rows.n, d, nullptr, &sums[static_cast<size_t>(split) * d]);
  });
  std::vector<double> total(d);
  for (size_t i = 0; i < sums.size(); i++) total[i % d] += sums[i];
  for (int i = 0; i < d; i++) sum[i] = static_cast<float>(total[i]);
}

}  // namespace rkv::cpu
