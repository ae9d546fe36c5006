// Causal attention in f32 of rows that share the candidates they may see.
//
//   q, out  [n, n_heads, d]    f32       token i sees the slots before cache.n - n + i + 1, within the window
//   cache   K, V [cache.n, d]  KV dtype  in runs, perhaps as codes, perhaps through an index list
//
// Flash attention (arXiv:2205.14135) by tiles of 64 rows of queries and 64 candidates: a thread has 4 x 4 scores of a
// tile and, of the output, 4 rows x 4 dims of every 64. A row that sees nothing gets zeros.
//
// Launch: grid (lists of rows, most tiles of 64 rows of a list), late rows first, as they see most; block kTileThreads;
// 4 * d multiply-adds per row and candidate. CPU reference: cpu/attend_listed.cpp, cpu/attend_prefill.cpp. Tolerance
// 1e-5: other order of sums.
#include "gpu/attend_rows_f32.cuh"

#include <algorithm>
#include <cmath>

#include "gpu/kernels.h"
#include "gpu/reduce.cuh"
#include "gpu/score_tile.cuh"

namespace rkv::gpu {
namespace {

constexpr int kPanel = 64;  // dims of V in shared memory at a time

struct RowsParams {
  const QueryRows* lists;
  const float* q;
  float* out;
  int n, n_heads, d, sliding_window;
  float scale;  // makes scores of q.k: exponents of 2

  __device__ static int token_of(const QueryRows& list, int row) { return list.first_token + row / list.heads; }
  /// Of a row in q and out.
  __device__ int64_t offset(const QueryRows& list, int row) const {
    return (int64_t{token_of(list, row)} * n_heads + list.first_head + row % list.heads) * d;
  }
};

union Stage {
  ScoreStage scores;
  float v[kTileKeys][kPanel];
};
struct Shared {
  Stage stage;
  float weight[kTileKeys][kTilePitch];   // candidate-major
  int slot[kTileKeys];                   // of the candidates; INT32_MAX behind the last one
  int first[kTileRows], end[kTileRows];  // slots that the rows see
};

/// Weights 2^(score * scale - top) of a thread's rows to shared memory. Returns, in `keep`, what becomes of earlier
/// sums.
__device__ void soften(float scale, float (&score)[4][4], float (&top)[4], float (&sum)[4], float (&keep)[4],
                       Shared& shared) {
#pragma unroll
  for (int i = 0; i < 4; i++) {
    const int first = shared.first[tile_row() + i], end = shared.end[tile_row() + i];
    float highest = top[i];
#pragma unroll
    for (int j = 0; j < 4; j++) {
      const int slot = shared.slot[tile_key() + j];
      score[i][j] = slot >= first && slot < end ? score[i][j] * scale : -INFINITY;
      highest = fmaxf(highest, score[i][j]);
    }
    highest = warp_max<16>(highest);
    const float shift = highest == -INFINITY ? 0.0f : highest;  // nothing seen yet: all weights are 0, not NaN
    float fresh = 0;
#pragma unroll
    for (int j = 0; j < 4; j++) {
      const float weight = exp2f(score[i][j] - shift);
      shared.weight[tile_key() + j][tile_row() + i] = weight;
      fresh += weight;
    }
    keep[i] = exp2f(top[i] - shift);
    sum[i] = fmaf(sum[i], keep[i], warp_sum<16>(fresh));
    top[i] = highest;
  }
}

/// Dims [dim, dim + kPanel) of V of the tile's candidates; zeros where there are none.
template <class Row>
__device__ void load_values(const Row& value, int dim, int d, Shared& shared) {
  constexpr int kOwn = kPanel / (kTileThreads / kTileKeys);  // dims of a thread
  const int first = static_cast<int>(threadIdx.x) / kTileKeys * kOwn;
  for (int at = first; at < first + kOwn; at += kRowStep) {
    float x[kRowStep] = {};
    if (value.exists() && dim + at < d) value.load(dim + at, x);
    float4* const to = reinterpret_cast<float4*>(&shared.stage.v[loaded_row()][at]);
    to[0] = {x[0], x[1], x[2], x[3]}, to[1] = {x[4], x[5], x[6], x[7]};
  }
}

template <class Rows, int kPanels>
__global__ void __launch_bounds__(kTileThreads, 1) attend_rows_kernel(const RowsParams* params) {
  RKV_SHARED(Shared, shared);
  const RowsParams& p = *params;
  const QueryRows& list = p.lists[blockIdx.x];
  const CacheView& cache = list.cache;
  const int rows = list.tokens * list.heads, first_row = static_cast<int>(gridDim.y - 1 - blockIdx.y) * kTileRows,
            d = p.d;
  if (first_row >= rows) return;
  for (int i = threadIdx.x; i < kTileRows; i += kTileThreads) {
    const int self = cache.n - p.n + p.token_of(list, min(first_row + i, rows - 1));
    shared.end[i] = self + 1;
    shared.first[i] = p.sliding_window == 0 ? 0 : cache.first_slot_at(cache.position_of(self) - p.sliding_window + 1);
  }
  __syncthreads();

  const int row = first_row + loaded_row(), end = shared.end[kTileRows - 1], candidates = cache.candidates();
  const PlainRow<float> q{row < rows ? p.q + p.offset(list, row) : nullptr};
  float out[kPanels][4][4] = {}, top[4], sum[4] = {}, keep[4];
  for (float& t : top) t = -INFINITY;
  int from = cache.index != nullptr ? 0 : shared.first[0] / kTileKeys * kTileKeys;
  for (; from < candidates && cache.slot_of(from) < end; from += kTileKeys) {
    const int candidate = from + loaded_row();
    typename Rows::Row key = Rows::none(), value = Rows::none();
    int slot = INT32_MAX;
    if (candidate < candidates && cache.slot_of(candidate) < end) {
      slot = cache.slot_of(candidate);
      const SlotRun& run = *cache.find_run(slot);
      key = Rows::k(run, slot, d), value = Rows::v(run, slot, d);
    }
    float score[4][4];
    score_tile(q, key, d, shared.stage.scores, score);
    if (threadIdx.x < kTileKeys) shared.slot[threadIdx.x] = slot;
    __syncthreads();
    soften(p.scale, score, top, sum, keep, shared);
#pragma unroll
    for (int panel = 0; panel < kPanels; panel++) {
      __syncthreads();  // nobody reads the stage any more
      load_values(value, panel * kPanel, d, shared);
      __syncthreads();
#pragma unroll
      for (int i = 0; i < 4; i++) {
#pragma unroll
        for (int j = 0; j < 4; j++) out[panel][i][j] *= keep[i];
      }
      multiply_tile<kTilePitch, kPanel>(&shared.weight[0][tile_row()], &shared.stage.v[0][tile_key()], kTileKeys,
                                        out[panel]);
    }
  }
#pragma unroll
  for (int i = 0; i < 4; i++) {
    const int r = first_row + tile_row() + i;
    if (r >= rows) continue;
    const float factor = sum[i] > 0 ? 1.0f / sum[i] : 0.0f;
#pragma unroll
    for (int panel = 0; panel < kPanels; panel++) {
      const int dim = panel * kPanel + tile_key();
      const float* x = out[panel][i];
      if (dim < d)
        *reinterpret_cast<float4*>(p.out + p.offset(list, r) + dim) = {x[0] * factor, x[1] * factor, x[2] * factor,
                                                                       x[3] * factor};
    }
  }
}

}  // namespace

void attend_rows_f32(Launcher& launcher, std::span<const HeadCache> caches, std::vector<QueryRows>& rows,
                     const float* q, int n, int n_heads, int d, DType kv, int sliding_window, float* out) {
  constexpr double kLog2E = 1.44269504088896340736;
  const std::vector<CacheView> views = view_caches(launcher, caches);
  int most = 0;
  for (size_t i = 0; i < rows.size(); i++) {
    rows[i].cache = views[i];
    most = std::max(most, rows[i].tokens * rows[i].heads);
  }
  if (most == 0) return;
  const RowsParams params{launcher.stage(std::span<const QueryRows>(rows)),
                          q,
                          out,
                          n,
                          n_heads,
                          d,
                          sliding_window,
                          static_cast<float>(kLog2E / std::sqrt(static_cast<double>(d)))};
  const dim3 grid(static_cast<unsigned>(rows.size()), (most + kTileRows - 1) / kTileRows);
  with_rows(kv, caches, std::identity{}, [&](auto kv_rows) {
    using Rows = decltype(kv_rows);
    const auto kernel = d <= kPanel       ? attend_rows_kernel<Rows, 1>
                        : d <= 2 * kPanel ? attend_rows_kernel<Rows, 2>
                                          : attend_rows_kernel<Rows, 4>;
    launcher.run(kernel, grid, kTileThreads, 0, params);
  });
}

void attend_listed(Launcher& launcher, const float* q, int n, std::span<const ListedRows> rows, int n_heads, int d,
                   DType kv, float* out) {
  std::vector<HeadCache> caches;
  std::vector<QueryRows> lists;
  for (const ListedRows& list : rows) {
    caches.push_back(list.cache);
    lists.push_back({{}, list.first, list.n, list.head, 1});
  }
  attend_rows_f32(launcher, caches, lists, q, n, n_heads, d, kv, 0, out);
}

}  // namespace rkv::gpu
