// How far back the window's queries look: softmax weights summed by distance (MInference, arXiv:2407.02490).
//
//   diagonals  [group, n]  f32  out: of every query head, entry o is the sum over the window of what goes o slots back
//
// Behind the passes of vote.cu, which leave every row's softmax. A block has 64 distances of one query head: of 64 rows
// they reach a parallelogram of keys, which two tiles cover; of each the entries that lie in it are laid down in shared
// memory and added up along the diagonals, in the order of the rows.
//
// Launch: grid (tiles of 64 distances, group, heads), block kTileThreads; 2 * d multiply-adds per row and key.
// CPU reference: cpu/vote.cpp. Tolerance 1e-5 relative: other order of sums.
#include <algorithm>
#include <bit>

#include "gpu/kernels.h"
#include "gpu/vote.cuh"

namespace rkv::gpu {
namespace {

constexpr int kDistances = kTileRows;

struct WeightTile {
  float at[kTileRows][kTileKeys + 1];
};

template <class Rows>
__global__ void __launch_bounds__(kTileThreads) add_up_diagonals_kernel(const VoteParams* params) {
  RKV_SHARED(VoteShared, shared);
  RKV_SHARED(WeightTile, weight);
  const VoteParams& p = *params;
  const int head = blockIdx.z, query_head = static_cast<int>(blockIdx.y);
  const int nearest = static_cast<int>(blockIdx.x) * kDistances, own = static_cast<int>(threadIdx.x);
  const VoteHead& h = p.heads[head];
  const CacheView& cache = p.caches[head];
  if (h.diagonals == nullptr || nearest >= cache.n) return;

  const RowOrder order{query_head, 1};
  const RowState* states = p.states_of(head, 0);
  float sum = 0;  // of distance nearest + own, own < kDistances
  for (int first = 0; first < h.window; first += kTileRows) {
    const PlainRow<float> row = begin_rows(p, head, order, first, shared);
    const int self = cache.n - h.window + first;  // slot of the first row
    // Row r meets the distances at keys r .. 63 of the first tile, and 0 .. r - 1 of the second.
    for (int tile = 0; tile < 2; tile++) {
      const int slot = self - nearest - (kDistances - 1) + tile * kTileKeys;
      if (slot + kTileKeys <= 0) continue;
      const typename Rows::Row key = begin_keys<Rows>(p, cache, slot, cache.n, shared);
      float score[4][4];
      score_rows(p, row, key, slot, cache.n, shared, score);
#pragma unroll
      for (int i = 0; i < 4; i++) {
        const int r = first + tile_row() + i;
        const RowState state = r < h.window ? states[r * p.group + query_head] : RowState{0, 0};
#pragma unroll
        for (int j = 0; j < 4; j++)
          weight.at[tile_row() + i][tile_key() + j] = exp2f(score[i][j] - state.top) * state.sum;
      }
      __syncthreads();
      if (own < kDistances) {
        for (int r = 0; r < kTileRows; r++) {
          const int k = r - own + kDistances - 1 - tile * kTileKeys;
          if (k >= 0 && k < kTileKeys) sum += weight.at[r][k];
        }
      }
    }
  }
  if (own < kDistances && nearest + own < cache.n) h.diagonals[int64_t{query_head} * cache.n + nearest + own] = sum;
}

}  // namespace

void vote_diagonals(Launcher& launcher, std::span<const VoteHead> heads, const VoteParams& params, DType kv) {
  int most = 0;  // distances
  for (const VoteHead& head : heads) most = std::max(most, head.cache.n);
  const dim3 grid((most + kDistances - 1) / kDistances, params.group, static_cast<unsigned>(heads.size()));
  with_rows(kv, heads, &VoteHead::cache,
            [&](auto rows) { launcher.run(add_up_diagonals_kernel<decltype(rows)>, grid, kTileThreads, 0, params); });
}

}  // namespace rkv::gpu
