#include "cpu/expected_score.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "cpu/float_buffer.h"
#include "cpu/key_tile_kernels.h"
#include "cpu/row_splits.h"

namespace rkv::cpu {

namespace {

static_assert(kSplitRows % kTileKeys == 0);

/// One head's expected scores, and the softmax over them: per split, then of the whole.
struct Expectation {
  const ExpectedHead* head;
  int splits;
  std::vector<float> mean, covariance;  // [group, d] and [group, d, d] with their factors, the latter empty without one
  std::vector<float> z;                 // [group, n]
  std::vector<float> top;               // [splits, group]; after merge() the first row holds the result
  std::vector<double> sum;              // likewise, then 1 / sum

  float* z_of(int query_head) { return &z[static_cast<size_t>(query_head) * head->cache.n]; }
};

Expectation make_expectation(const ExpectedHead& head, int group, int d) {
  Expectation e = {};
  e.head = &head;
  e.splits = std::max(1, row_splits(head.cache.n));
  const float scale = 1.0f / std::sqrt(static_cast<float>(d)), half = 0.5f / static_cast<float>(d);
  e.mean.assign(head.mean, head.mean + static_cast<size_t>(group) * d);
  for (float& x : e.mean) x *= scale;
  if (head.covariance != nullptr) {
    e.covariance.assign(head.covariance, head.covariance + static_cast<size_t>(group) * d * d);
    for (float& x : e.covariance) x *= half;
  }
  e.z.resize(static_cast<size_t>(group) * head.cache.n);
  e.top.assign(static_cast<size_t>(e.splits) * group, kNothingSeen);
  e.sum.assign(e.top.size(), 0);
  return e;
}

/// Fill z of a split's slots, and its part of the softmax.
void score_split(const KeyTileKernels& kernels, Expectation& e, int split, int group, int d, DType kv, float* tile) {
  const HeadCache& cache = e.head->cache;
  const RowSplit rows(cache, split, cache.n, d, kv);
  float* form = tile + static_cast<size_t>(d) * kTileKeys;
  for (int at = 0; at < rows.n; at += kTileKeys) {
    const int keys = std::min(kTileKeys, rows.n - at);
    kernels.pack(rows.k + at, keys, d, tile);
    for (int j = 0; j < group; j++) {
      kernels.multiply(&e.mean[static_cast<size_t>(j) * d], 1, d, tile, keys, form);
      if (!e.covariance.empty()) kernels.add_form(&e.covariance[static_cast<size_t>(j) * d * d], d, tile, keys, form);
      std::copy_n(form, keys, e.z_of(j) + rows.from + at);
    }
  }
  for (int j = 0; j < group; j++) {
    const float *begin = e.z_of(j) + std::max(rows.from, e.head->first), *end = e.z_of(j) + rows.from + rows.n;
    if (begin >= end) continue;
    const float highest = *std::max_element(begin, end);
    double sum = 0;
    for (const float* z = begin; z < end; z++) sum += std::exp(*z - highest);
    e.top[split * group + j] = highest;
    e.sum[split * group + j] = sum;
  }
}

/// Bring the splits' softmax states together, in order.
void merge(Expectation& e, int group) {
  for (int j = 0; j < group; j++) {
    float highest = kNothingSeen;
    double sum = 0;
    for (int s = 0; s < e.splits; s++) highest = std::max(highest, e.top[s * group + j]);
    for (int s = 0; s < e.splits; s++) sum += e.sum[s * group + j] * std::exp(double{e.top[s * group + j]} - highest);
    e.top[j] = highest;
    e.sum[j] = sum > 0 ? 1 / sum : 0;
  }
}

void write_split(Expectation& e, int split, int group) {
  const ExpectedHead& head = *e.head;
  const int from = split * kSplitRows, to = std::min(head.n_scored, from + kSplitRows);
  for (int slot = from; slot < to; slot++) {
    float score = 0;
    for (int j = 0; slot >= head.first && j < group; j++) {
      const float weight = std::exp(e.z_of(j)[slot] - e.top[j]) * static_cast<float>(e.sum[j]);
      score = head.max ? std::max(score, weight) : score + weight / static_cast<float>(group);
    }
    head.score[slot] = score;
  }
}

}  // namespace

void expected_score(ThreadPool& pool, CpuLevel level, std::span<const ExpectedHead> heads, int group, int d, DType kv) {
  const KeyTileKernels& kernels = key_tile_kernels(level, kv);
  std::vector<Expectation> work;
  std::vector<int> splits;
  for (const ExpectedHead& head : heads) {
    work.push_back(make_expectation(head, group, d));
    splits.push_back(work.back().splits);
  }
  const size_t floats = static_cast<size_t>(d + 1) * kTileKeys;
  const FloatBuffer scratch = float_buffer(floats * pool.size());
  run_splits(
      pool, splits,
      [&](int item, int split, int worker) {
        score_split(kernels, work[item], split, group, d, kv, &scratch[worker * floats]);
      },
      [&](int item, int) { merge(work[item], group); });
  run_splits(
      pool, splits, [&](int item, int split, int) { write_split(work[item], split, group); }, [](int, int) {});
}

}  // namespace rkv::cpu
