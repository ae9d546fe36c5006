#include "cpu/vote.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "cpu/attend_prefill_kernels.h"
#include "cpu/attend_rows.h"
#include "cpu/float_buffer.h"
#include "cpu/kernel_set.h"
#include "cpu/split_tasks.h"
#include "cpu/vote_kernels.h"

namespace rkv::cpu {

namespace avx2 {
extern const VoteKernels vote_f32, vote_bf16;
}
namespace avx512 {
extern const VoteKernels vote_f32, vote_bf16;
}
namespace avx512bf16 {
extern const VoteKernels vote_f32, vote_bf16;
}

const VoteKernels& vote_kernels(CpuLevel level, DType kv) {
  return kv == RKV_F32 ? for_level(level, avx2::vote_f32, avx512::vote_f32, avx512bf16::vote_f32)
                       : for_level(level, avx2::vote_bf16, avx512::vote_bf16, avx512bf16::vote_bf16);
}

namespace {

constexpr int kSplitTiles = 4;  // tiles of keys per task

/// One head's queries, and the state of their softmax: first per split, then of the whole.
struct Ballot {
  const VoteHead* head;
  int splits;
  std::vector<float> q;             // [rows, d], scaled
  std::vector<int32_t> begin, end;  // [rows]
  std::vector<float> top, sum;      // [splits, rows]; after merge() the first row holds the result, sum as 1 / sum

  VoteRows rows(int d) const { return {static_cast<int>(q.size()) / d, q.data(), begin.data(), end.data()}; }
};

Ballot make_ballot(const VoteKernels& kernels, const VoteHead& head, int group, int d) {
  const HeadCache& cache = head.cache;
  const int rows = head.window * group;
  Ballot ballot{&head, (cache.n + kSplitTiles * kTileKeys - 1) / (kSplitTiles * kTileKeys), {}, {}, {}, {}, {}};
  ballot.q.resize(static_cast<size_t>(rows) * d);
  for (int i = 0; i < head.window; i++) {
    const int self = cache.n - head.window + i;
    const int first = head.sliding_window == 0
                          ? 0
                          : first_slot_at(cache, int64_t{position_of(cache, self)} - head.sliding_window + 1);
    ballot.begin.insert(ballot.begin.end(), group, first);
    ballot.end.insert(ballot.end.end(), group, self + 1);
    kernels.scale(head.q + static_cast<size_t>(i) * head.q_stride, group * d, 1.0f / std::sqrt(static_cast<float>(d)),
                  &ballot.q[static_cast<size_t>(i) * group * d]);
  }
  ballot.top.assign(static_cast<size_t>(ballot.splits) * rows, kNothingSeen);
  ballot.sum.assign(ballot.top.size(), 0.0f);
  return ballot;
}

/// Call fn(packed tile, first slot, keys) for the tiles of a split, up to slot `n`.
template <class Fn>
void for_tiles(const VoteKernels& kernels, const HeadCache& cache, int split, int n, int d, DType kv, float* tile,
               Fn&& fn) {
  const void* k[kTileKeys + kRowPadding];
  const int from = split * kSplitTiles * kTileKeys, to = std::min(n, from + kSplitTiles * kTileKeys);
  for (int slot = from; slot < to; slot += kTileKeys) {
    const int keys = std::min(kTileKeys, to - slot);
    locate_rows(cache, nullptr, slot, keys, d * element_bytes(kv), k, nullptr);
    kernels.pack_k(k, keys, d, tile);
    fn(tile, slot, keys);
  }
}

/// Bring the splits' softmax states together, in order.
void merge(Ballot& ballot) {
  const size_t rows = ballot.begin.size();
  for (size_t r = 0; r < rows; r++) {
    float highest = kNothingSeen, sum = 0;
    for (int s = 0; s < ballot.splits; s++) highest = std::max(highest, ballot.top[s * rows + r]);
    for (int s = 0; s < ballot.splits; s++)
      sum += ballot.sum[s * rows + r] * std::exp(ballot.top[s * rows + r] - highest);
    ballot.top[r] = highest;
    ballot.sum[r] = 1.0f / sum;
  }
}

}  // namespace

void vote(ThreadPool& pool, CpuLevel level, std::span<const VoteHead> heads, int group, int d, DType kv) {
  const VoteKernels& kernels = vote_kernels(level, kv);
  std::vector<Ballot> ballots;
  std::vector<int> splits;
  for (const VoteHead& head : heads) {
    ballots.push_back(make_ballot(kernels, head, group, d));
    splits.push_back(ballots.back().splits);
  }
  const size_t tile_floats = static_cast<size_t>(d) * kTileKeys, score_floats = size_t{kVoteRows} * kTileKeys;
  const FloatBuffer scratch = float_buffer((tile_floats + score_floats) * pool.size());
  const auto tile_of = [&](int worker) { return &scratch[worker * (tile_floats + score_floats)]; };

  run_splits(
      pool, splits,
      [&](int item, int split, int worker) {
        Ballot& ballot = ballots[item];
        const HeadCache& cache = ballot.head->cache;
        const size_t state = split * ballot.begin.size();
        float* tile = tile_of(worker);
        for_tiles(kernels, cache, split, cache.n, d, kv, tile, [&](const float* keys, int slot, int n) {
          kernels.weigh(ballot.rows(d), d, keys, slot, n, tile + tile_floats, &ballot.top[state], &ballot.sum[state]);
        });
      },
      [&](int item, int) { merge(ballots[item]); });
  run_splits(
      pool, splits,
      [&](int item, int split, int worker) {
        const Ballot& ballot = ballots[item];
        const VoteHead& head = *ballot.head;
        float* tile = tile_of(worker);
        for_tiles(kernels, head.cache, split, head.n_scored, d, kv, tile, [&](const float* keys, int slot, int n) {
          kernels.add_up(ballot.rows(d), d, keys, slot, n, tile + tile_floats, ballot.top.data(), ballot.sum.data(),
                         head.score + slot);
        });
      },
      [](int, int) {});
}

}  // namespace rkv::cpu
