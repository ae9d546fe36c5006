#include "cpu/score_keys.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/random_score.h"
#include "cpu/attend_rows.h"
#include "cpu/lag_score.h"
#include "cpu/row_kernels.h"
#include "cpu/row_splits.h"

namespace rkv::cpu {

namespace {

void key_norm(ThreadPool& pool, const RowKernels& kernels, std::span<const KeyScoreHead> heads, int d, DType kv) {
  run_splits(
      pool, splits_of(heads, [](const KeyScoreHead& head) { return head.n_scored; }),
      [&](int item, int split, int) {
        const KeyScoreHead& head = heads[item];
        const RowSplit rows(head.cache, split, head.n_scored, d, kv);
        kernels.norms(rows.k, rows.n, d, head.score + rows.from);
        for (int i = 0; i < rows.n; i++) head.score[rows.from + i] *= -1;
      },
      [](int, int) {});
}

/// Where the mean of a head's normalised keys points to.
struct Direction {
  std::vector<float> sums;  // [splits, d]
  std::vector<float> unit;  // [d]

  /// Bring the splits together, in order.
  void merge(int d) {
    std::vector<double> sum(d);
    for (size_t i = 0; i < sums.size(); i++) sum[i % d] += sums[i];
    double squares = 0;
    for (const double x : sum) squares += x * x;
    unit.resize(d);
    for (int i = 0; i < d; i++) unit[i] = squares > 0 ? static_cast<float>(sum[i] / std::sqrt(squares)) : 0.0f;
  }
};

void key_diff(ThreadPool& pool, const RowKernels& kernels, std::span<const KeyScoreHead> heads, int d, DType kv) {
  const std::vector<int> all = splits_of(heads, [](const KeyScoreHead& head) { return head.cache.n; });
  std::vector<Direction> directions(heads.size());
  for (size_t i = 0; i < heads.size(); i++) directions[i].sums.resize(static_cast<size_t>(all[i]) * d);
  const auto inverse_norms = [&](const RowSplit& rows, float* factor) {
    kernels.norms(rows.k, rows.n, d, factor);
    for (int i = 0; i < rows.n; i++) factor[i] = factor[i] > 0 ? 1 / factor[i] : 0.0f;
  };
  run_splits(
      pool, all,
      [&](int item, int split, int) {
        const HeadCache& cache = heads[item].cache;
        const RowSplit rows(cache, split, cache.n, d, kv);
        float factor[kSplitRows];
        inverse_norms(rows, factor);
        kernels.sum(rows.k, rows.n, d, factor, &directions[item].sums[static_cast<size_t>(split) * d]);
      },
      [&](int item, int) { directions[item].merge(d); });
  run_splits(
      pool, splits_of(heads, [](const KeyScoreHead& head) { return head.n_scored; }),
      [&](int item, int split, int) {
        const KeyScoreHead& head = heads[item];
        const RowSplit rows(head.cache, split, head.n_scored, d, kv);
        float factor[kSplitRows];
        inverse_norms(rows, factor);
        kernels.dots(rows.k, rows.n, d, directions[item].unit.data(), head.score + rows.from);
        for (int i = 0; i < rows.n; i++) head.score[rows.from + i] *= -factor[i];
      },
      [](int, int) {});
}

void random(ThreadPool& pool, std::span<const KeyScoreHead> heads, uint32_t seed, int layer) {
  pool.run(static_cast<int>(heads.size()), [&](int task, int) {
    const KeyScoreHead& head = heads[task];
    int slot = 0;
    for (const Run* run = head.cache.runs; slot < head.n_scored; run++)
      for (int i = 0; i < run->n && slot < head.n_scored; i++)
        head.score[slot++] = random_score(seed, layer, head.kv_head, run->position[i]);
  });
}

}  // namespace

void score_keys(ThreadPool& pool, CpuLevel level, std::span<const KeyScoreHead> heads, const rkv_plan& plan, int layer,
                int d, DType kv) {
  const RowKernels& kernels = row_kernels(level, kv);
  switch (plan.score) {
    case RKV_SCORE_KEY_NORM:
      return key_norm(pool, kernels, heads, d, kv);
    case RKV_SCORE_KEY_DIFF:
      return key_diff(pool, kernels, heads, d, kv);
    case RKV_SCORE_LAG:
      return lag_score(pool, kernels, heads, plan.sinks, plan.lag, d, kv);
    default:
      return random(pool, heads, plan.seed, layer);
  }
}

}  // namespace rkv::cpu
