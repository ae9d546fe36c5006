// Two passes over the keys: the softmax of every row first needs its highest score and sum, then the columns are added
// up.
#include "cpu/vote_kernels.h"

#include "cpu/attend_tile.h"

namespace rkv::cpu::RKV_ISA {

namespace {

void scale(const float* from, int n, float factor, float* to) {
  for (int i = 0; i < n; i += kLanes) store_n(to + i, mul(load_n(from + i, n - i), set1(factor)), n - i);
}

/// Scores of rows [from, from + n) against a tile; keys that a row may not see get kNothingSeen. Returns the vectors.
int score_rows(const VoteRows& rows, int from, int n, int d, const float* tile, int slot, int n_keys, float* score) {
  const int vecs = (n_keys + kLanes - 1) / kLanes;
  score_tile<F32Math>(rows.q + static_cast<size_t>(from) * d, n, d, tile, vecs, score);
  for (int r = 0; r < n; r++) {
    const int begin = rows.begin[from + r] - slot, end = rows.end[from + r] - slot;
    if (begin > 0 || end < n_keys || n_keys < vecs * kLanes)
      hide_keys(score + r * kTileKeys, begin, end < n_keys ? end : n_keys, vecs * kLanes);
  }
  return vecs;
}

void weigh(const VoteRows& rows, int d, const float* tile, int slot, int n_keys, float* score, float* top, float* sum) {
  for (int from = 0; from < rows.rows; from += kVoteRows) {
    const int n = rows.rows - from < kVoteRows ? rows.rows - from : kVoteRows;
    const int vecs = score_rows(rows, from, n, d, tile, slot, n_keys, score);
    for (int r = 0; r < n; r++) {
      const float* row = score + r * kTileKeys;
      F best = set1(top[from + r]);
      for (int v = 0; v < vecs; v++) best = max(best, load(row + v * kLanes));
      const float highest = reduce_max(best);
      F total = zero();
      for (int v = 0; v < vecs; v++) total = add(total, exp(sub(load(row + v * kLanes), set1(highest))));
      const float keep = reduce_max(exp(set1(top[from + r] - highest)));
      sum[from + r] = sum[from + r] * keep + reduce_add(total);
      top[from + r] = highest;
    }
  }
}

void add_up(const VoteRows& rows, int d, const float* tile, int slot, int n_keys, float* score, const float* top,
            const float* share, float* vote) {
  F total[kTileKeys / kLanes];
  for (F& t : total) t = zero();
  for (int from = 0; from < rows.rows; from += kVoteRows) {
    const int n = rows.rows - from < kVoteRows ? rows.rows - from : kVoteRows;
    const int vecs = score_rows(rows, from, n, d, tile, slot, n_keys, score);
    for (int v = 0; v < vecs; v++) {  // sums of kVoteRows rows are added to sums of them, which keeps rounding small
      F column = zero();
      for (int r = 0; r < n; r++) {
        const F weight = exp(sub(load(score + r * kTileKeys + v * kLanes), set1(top[from + r])));
        column = fma(weight, set1(share[from + r]), column);
      }
      total[v] = add(total[v], column);
    }
  }
  for (int key = 0; key < n_keys; key += kLanes) store_n(vote + key, total[key / kLanes], n_keys - key);
}

template <class T>
constexpr VoteKernels kernels{scale, pack_k<F32Math, T>, weigh, add_up};

}  // namespace

extern const VoteKernels vote_f32, vote_bf16;
const VoteKernels vote_f32 = kernels<float>, vote_bf16 = kernels<uint16_t>;

}  // namespace rkv::cpu::RKV_ISA
