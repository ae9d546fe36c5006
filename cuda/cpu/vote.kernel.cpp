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

/// Call fn(first row, rows, vectors of keys) for blocks of the rows that see something of a tile, scores in `score`.
///
/// Rows go by token, so those are consecutive: of a long window a tile skips what lies before it, and what has slid on.
template <class Fn>
void for_row_blocks(const VoteRows& rows, int d, const float* tile, int slot, int n_keys, float* score, Fn&& fn) {
  int first = 0, last = rows.rows;
  while (first < last && rows.end[first] <= slot) first++;
  while (first < last && rows.begin[last - 1] >= slot + n_keys) last--;
  for (int from = first; from < last; from += kVoteRows) {
    const int n = last - from < kVoteRows ? last - from : kVoteRows;
    fn(from, n, score_rows(rows, from, n, d, tile, slot, n_keys, score));
  }
}

void weigh(const VoteRows& rows, int d, const float* tile, int slot, int n_keys, float* score, float* top, float* sum) {
  for_row_blocks(rows, d, tile, slot, n_keys, score, [&](int from, int n, int vecs) {
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
  });
}

void add_up(const VoteRows& rows, int d, const float* tile, int slot, int n_keys, float* score, const float* top,
            const float* share, int lists, float* total, const VoteDiagonals* diagonals) {
  for (int i = 0; i < lists * kTileKeys; i += kLanes) store(total + i, zero());
  for_row_blocks(rows, d, tile, slot, n_keys, score, [&](int from, int n, int vecs) {
    const auto add_to_diagonal = [&](int row, int key, F weight) {
      const int token = row / diagonals->group, last = (rows.rows - 1) / diagonals->group;
      float* sum = diagonals->sum + row % diagonals->group * diagonals->pitch + key + last - token;
      store(sum, add(load(sum), weight));
    };
    for (int list = 0; list < lists; list++) {
      for (int v = 0; v < vecs; v++) {  // sums of kVoteRows rows are added to sums of them, which keeps rounding small
        F column = zero();
        for (int r = (lists + list - from % lists) % lists; r < n; r += lists) {
          const F weight = exp(sub(load(score + r * kTileKeys + v * kLanes), set1(top[from + r])));
          column = fma(weight, set1(share[from + r]), column);
          if (diagonals != nullptr) add_to_diagonal(from + r, v * kLanes, mul(weight, set1(share[from + r])));
        }
        float* sum = total + list * kTileKeys + v * kLanes;
        store(sum, add(load(sum), column));
      }
    }
  });
}

template <class T>
constexpr VoteKernels kernels{scale, pack_k<F32Math, T>, weigh, add_up};

}  // namespace

extern const VoteKernels vote_f32, vote_bf16;
const VoteKernels vote_f32 = kernels<float>, vote_bf16 = kernels<uint16_t>;

}  // namespace rkv::cpu::RKV_ISA
