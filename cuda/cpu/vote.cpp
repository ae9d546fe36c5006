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

constexpr int kSplitKeys = 4 * kTileKeys;  // slots per task

/// One head's queries, and the state of their softmax: first per split, then of the whole.
struct Ballot {
  const VoteHead* head;
  int splits;
  int lists;                        // sums per slot: one, or one for each query head
  std::vector<float> q;             // [rows, d], scaled
  std::vector<int32_t> begin, end;  // [rows]
  std::vector<float> top, sum;      // [splits, rows]; after merge() the first row holds the result, sum as 1 / sum
  std::vector<float> diagonals;     // [splits, group, diagonal_pitch()], empty if nobody asks

  VoteRows rows(int d) const { return {static_cast<int>(q.size()) / d, q.data(), begin.data(), end.data()}; }
  /// Distances from a split's slots to the window.
  int diagonal_pitch() const { return kSplitKeys + head->window - 1; }
};

Ballot make_ballot(const VoteKernels& kernels, const VoteHead& head, int group, int d) {
  const HeadCache& cache = head.cache;
  const int rows = head.window * group;
  Ballot ballot = {};
  ballot.head = &head;
  ballot.splits = (cache.n + kSplitKeys - 1) / kSplitKeys;
  ballot.lists = head.sum == VoteSum::kGroup ? 1 : group;
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
  if (head.diagonals != nullptr)
    ballot.diagonals.assign(static_cast<size_t>(ballot.splits) * group * ballot.diagonal_pitch(), 0.0f);
  return ballot;
}

/// Call fn(packed tile, first slot, keys) for the tiles of a split, up to slot `n`.
template <class Fn>
void for_tiles(const VoteKernels& kernels, const HeadCache& cache, int split, int n, int d, DType kv, float* tile,
               Fn&& fn) {
  const void* k[kTileKeys + kRowPadding];
  const int from = split * kSplitKeys, to = std::min(n, from + kSplitKeys);
  for (int slot = from; slot < to; slot += kTileKeys) {
    const int keys = std::min(kTileKeys, to - slot);
    locate_rows(cache, nullptr, slot, keys, d, kv, k, nullptr);
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

/// A tile's sums become scores. total [lists, kTileKeys] is overwritten.
void write_scores(const Ballot& ballot, int slot, int n, float* total) {
  const VoteHead& head = *ballot.head;
  n = std::min(n, head.n_scored - slot);
  if (head.sum == VoteSum::kMax) {
    for (int list = 1; list < ballot.lists; list++)
      for (int i = 0; i < n; i++) total[i] = std::max(total[i], total[list * kTileKeys + i]);
  }
  for (int list = 0; list < (head.sum == VoteSum::kHead ? ballot.lists : 1); list++, total += kTileKeys) {
    float* score = head.score + static_cast<size_t>(list) * head.n_scored + slot;
    for (int i = 0; i < n; i++) score[i] = head.add ? score[i] + total[i] : total[i];
  }
}

/// Bring the splits' diagonals together, in order.
void merge_diagonals(const Ballot& ballot, int group) {
  if (ballot.diagonals.empty()) return;
  const int n = ballot.head->cache.n, pitch = ballot.diagonal_pitch();
  std::fill_n(ballot.head->diagonals, static_cast<size_t>(group) * n, 0.0f);
  const float* from = ballot.diagonals.data();
  for (int split = 0; split < ballot.splits; split++) {
    for (int head = 0; head < group; head++, from += pitch) {
      float* to = ballot.head->diagonals + static_cast<size_t>(head) * n;
      const int farthest = n - 1 - split * kSplitKeys;  // from the split's first slot to the last token
      for (int i = 0; i <= std::min(farthest, pitch - 1); i++) to[farthest - i] += from[i];
    }
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
  const size_t work_floats = tile_floats + score_floats + size_t{kTileKeys} * group;
  const FloatBuffer scratch = float_buffer(work_floats * pool.size());

  run_splits(
      pool, splits,
      [&](int item, int split, int worker) {
        Ballot& ballot = ballots[item];
        const HeadCache& cache = ballot.head->cache;
        const size_t state = split * ballot.begin.size();
        float* tile = &scratch[worker * work_floats];
        for_tiles(kernels, cache, split, cache.n, d, kv, tile, [&](const float* keys, int slot, int n) {
          kernels.weigh(ballot.rows(d), d, keys, slot, n, tile + tile_floats, &ballot.top[state], &ballot.sum[state]);
        });
      },
      [&](int item, int) { merge(ballots[item]); });
  run_splits(
      pool, splits,
      [&](int item, int split, int worker) {
        Ballot& ballot = ballots[item];
        const VoteHead& head = *ballot.head;
        float* tile = &scratch[worker * work_floats];
        float *score = tile + tile_floats, *total = score + score_floats;
        const bool diagonal = head.diagonals != nullptr;
        const int pitch = ballot.diagonal_pitch(), n_slots = diagonal ? head.cache.n : head.n_scored;
        float* sums = diagonal ? &ballot.diagonals[static_cast<size_t>(split) * group * pitch] : nullptr;
        for_tiles(kernels, head.cache, split, n_slots, d, kv, tile, [&](const float* keys, int slot, int n) {
          const VoteDiagonals diagonals{group, sums + slot % kSplitKeys, pitch};
          kernels.add_up(ballot.rows(d), d, keys, slot, n, score, ballot.top.data(), ballot.sum.data(), ballot.lists,
                         total, diagonal ? &diagonals : nullptr);
          write_scores(ballot, slot, n, total);
        });
      },
      [&](int item, int) { merge_diagonals(ballots[item], group); });
}

}  // namespace rkv::cpu
