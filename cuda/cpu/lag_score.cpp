#include "cpu/lag_score.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "cpu/attend_rows.h"

namespace rkv::cpu {

namespace {

/// Weights of the spreads of a partition's rows within the ranges of the next one's: softmax, added to `weight`.
void add_weights(const RowKernels& kernels, const void* const* rows, const void* const* next, int lag, int d,
                 std::vector<double>& weight) {
  std::vector<float> low(d), high(d);
  std::vector<double> spread(lag);
  kernels.ranges(next, lag, d, low.data(), high.data());
  kernels.spreads(rows, lag, d, low.data(), high.data(), spread.data());
  const double highest = *std::max_element(spread.begin(), spread.end());
  double sum = 0;
  for (double& x : spread) sum += x = std::exp(x - highest);
  for (int i = 0; i < lag; i++) weight[i] += spread[i] / sum;
}

/// score[i] = rank of weight[i], lowest first, over their number; of equals the earlier one is the better one.
void rank(const std::vector<double>& weight, int n_scored, float* score) {
  const int n = static_cast<int>(weight.size());
  std::vector<int> order(n);
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](int a, int b) { return weight[a] != weight[b] ? weight[a] < weight[b] : a > b; });
  for (int place = 0; place < n; place++)
    if (order[place] < n_scored) score[order[place]] = static_cast<float>(place) / static_cast<float>(n);
}

void score_partition(const RowKernels& kernels, const KeyScoreHead& head, int from, int lag, int d, DType kv) {
  std::vector<const void*> k(2 * lag + kRowPadding), v(2 * lag + kRowPadding);
  locate_rows(head.cache, nullptr, from, 2 * lag, d, kv, k.data(), v.data());
  std::vector<double> weight(lag);
  add_weights(kernels, k.data(), &k[lag], lag, d, weight);
  add_weights(kernels, v.data(), &v[lag], lag, d, weight);
  rank(weight, head.n_scored - from, head.score + from);
}

}  // namespace

void lag_score(ThreadPool& pool, const RowKernels& kernels, std::span<const KeyScoreHead> heads, int sinks, int lag,
               int d, DType kv) {
  struct Partition {
    const KeyScoreHead* head;
    int from;
  };
  std::vector<Partition> todo;
  for (const KeyScoreHead& head : heads) {
    const int n = head.cache.n, partitions = std::max(0, n - sinks) / lag;
    for (int i = 0; i < head.n_scored; i++)
      head.score[i] = partitions < 2 ? static_cast<float>(i) / static_cast<float>(n) : 1.0f;
    for (int p = 0; p + 1 < partitions && sinks + p * lag < head.n_scored; p++)
      todo.push_back({&head, sinks + p * lag});
  }
  pool.run(static_cast<int>(todo.size()),
           [&](int task, int) { score_partition(kernels, *todo[task].head, todo[task].from, lag, d, kv); });
}

}  // namespace rkv::cpu
