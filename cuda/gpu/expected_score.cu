// Softmax weights that normally distributed queries give on average: ExpectedAttention (arXiv:2510.00636).
//
//   mean        [group, d]     f32       of the queries to come, rotation included
//   covariance  [group, d, d]  f32       likewise, or none
//   cache       K [n, d]       KV dtype  in runs, perhaps as codes
//   score       [n_scored]     f32       out: mean or largest over the group; 0 before slot `first`
//
// Of every key z = m.k / sqrt(d) + k'Ck / (2 d), then a softmax over the slots from `first` on. z is a sum over dims i
// of k[i] * (m[i] / sqrt(d) + (Ck)[i] / (2 d)), so that a tile of Ck and the mean are weighed with the keys at once.
//
// Launches: expect   grid (tiles of 64 keys, group, heads), d * d multiply-adds per key and query head
//           soften   grid (group, heads), one block over all keys
//           combine  grid (ceil(most / kThreads), heads)
// CPU reference: cpu/expected_score.cpp. Tolerance 1e-4 relative: other order of sums in exponents.
#include <algorithm>
#include <cfloat>
#include <cmath>

#include "gpu/kernels.h"
#include "gpu/reduce.cuh"
#include "gpu/score_tile.cuh"

namespace rkv::gpu {
namespace {

constexpr int kThreads = 256;

struct ExpectedParams {
  const ExpectedHead* heads;
  const CacheView* caches;
  float* z;       // [heads, group, pitch]
  float2* state;  // [heads, group]: highest z, 1 / sum of weights
  int64_t pitch;
  int group, d;
  float scale, half;  // 1 / sqrt(d), 1 / (2 d)

  __device__ int64_t row(int head, int query_head) const { return int64_t{head} * group + query_head; }
};

struct Shared {
  ScoreStage stage;
  float keys[kTileRows][kTilePitch];       // dims of a tile of rows, dim-major
  float column[kTileRows / 4][kTileKeys];  // over the four rows of a thread
};

template <class Rows>
__global__ void __launch_bounds__(kTileThreads) expect_kernel(const ExpectedParams* params) {
  RKV_SHARED(Shared, shared);
  const ExpectedParams& p = *params;
  const int head = blockIdx.z, query_head = static_cast<int>(blockIdx.y);
  const int slot = static_cast<int>(blockIdx.x) * kTileKeys, own = slot + loaded_row(), d = p.d;
  const ExpectedHead& h = p.heads[head];
  const CacheView& cache = p.caches[head];
  if (slot >= cache.n) return;
  const typename Rows::Row key = own < cache.n ? Rows::k(*cache.find_run(own), own, d) : Rows::none();
  const float* const mean = h.mean + query_head * d;

  float sum[4] = {};
  for (int first = 0; first < d; first += kTileRows) {
    float score[4][4] = {};
    if (h.covariance != nullptr) {
      const int row = first + loaded_row();
      const float* c = row < d ? h.covariance + (int64_t{query_head} * d + row) * d : nullptr;
      score_tile(PlainRow<float>{c}, key, d, shared.stage, score);
    }
    __syncthreads();  // nobody reads `keys` any more
    for (int at = static_cast<int>(threadIdx.x) / 64 * kRowStep; at < kTileRows; at += kTileThreads / 64 * kRowStep) {
      float x[kRowStep] = {};
      if (key.exists() && first + at < d) key.load(first + at, x);
#pragma unroll
      for (int i = 0; i < kRowStep; i++) shared.keys[at + i][loaded_row()] = x[i];
    }
    __syncthreads();
#pragma unroll
    for (int i = 0; i < 4; i++) {
      const int dim = first + tile_row() + i;
      const float m = dim < d ? mean[dim] * p.scale : 0.0f;
#pragma unroll
      for (int j = 0; j < 4; j++)
        sum[j] = fmaf(fmaf(score[i][j], p.half, m), shared.keys[tile_row() + i][tile_key() + j], sum[j]);
    }
  }
  *reinterpret_cast<float4*>(&shared.column[tile_row() / 4][tile_key()]) = {sum[0], sum[1], sum[2], sum[3]};
  __syncthreads();
  if (threadIdx.x >= kTileKeys || slot + static_cast<int>(threadIdx.x) >= cache.n) return;
  float total = 0;
  for (int i = 0; i < kTileRows / 4; i++) total += shared.column[i][threadIdx.x];
  p.z[p.row(head, query_head) * p.pitch + slot + threadIdx.x] = total;
}

__global__ void __launch_bounds__(kThreads) soften_kernel(const ExpectedParams* params) {
  RKV_SHARED(float, tops, [kMaxWarps]);
  RKV_SHARED(double, sums, [kMaxWarps]);
  const ExpectedParams& p = *params;
  const int64_t row = p.row(blockIdx.y, blockIdx.x);
  const float* const z = p.z + row * p.pitch;
  const int first = p.heads[blockIdx.y].first + static_cast<int>(threadIdx.x), n = p.caches[blockIdx.y].n;
  float top = -FLT_MAX;
  for (int slot = first; slot < n; slot += kThreads) top = fmaxf(top, z[slot]);
  top = block_max(top, -FLT_MAX, tops);
  double sum = 0;
  for (int slot = first; slot < n; slot += kThreads) sum += expf(z[slot] - top);
  sum = block_sum(sum, sums);
  if (threadIdx.x == 0) p.state[row] = make_float2(top, sum > 0 ? static_cast<float>(1 / sum) : 0.0f);
}

__global__ void combine_kernel(const ExpectedParams* params) {
  const ExpectedParams& p = *params;
  const ExpectedHead& h = p.heads[blockIdx.y];
  const int slot = static_cast<int>(blockIdx.x * kThreads + threadIdx.x);
  if (slot >= h.n_scored) return;
  float score = 0;
  for (int g = 0; g < p.group && slot >= h.first; g++) {
    const int64_t row = p.row(blockIdx.y, g);
    const float weight = expf(p.z[row * p.pitch + slot] - p.state[row].x) * p.state[row].y;
    score = h.max ? fmaxf(score, weight) : score + weight / static_cast<float>(p.group);
  }
  h.score[slot] = score;
}

}  // namespace

void expected_score(Launcher& launcher, Scratch& scratch, std::span<const ExpectedHead> heads, int group, int d,
                    DType kv) {
  ExpectedParams p = {};
  int most_scored = 0, most = 0;
  for (const ExpectedHead& head : heads) {
    most_scored = std::max(most_scored, head.n_scored);
    most = std::max(most, head.cache.n);
  }
  if (most_scored == 0) return;
  const std::vector<CacheView> caches = view_caches(launcher, heads, &ExpectedHead::cache);
  p.heads = launcher.stage(heads), p.caches = launcher.stage(std::span<const CacheView>(caches));
  p.pitch = most, p.group = group, p.d = d;
  p.scale = 1.0f / std::sqrt(static_cast<float>(d)), p.half = 0.5f / static_cast<float>(d);
  const size_t rows = heads.size() * static_cast<size_t>(group);
  p.state = scratch.get<float2>(rows + (rows * static_cast<size_t>(most) + 1) / 2);
  p.z = reinterpret_cast<float*>(p.state + rows);
  const auto n_heads = static_cast<unsigned>(heads.size());
  with_rows(kv, heads, &ExpectedHead::cache, [&](auto kv_rows) {
    const dim3 grid((most + kTileKeys - 1) / kTileKeys, group, n_heads);
    launcher.run(expect_kernel<decltype(kv_rows)>, grid, kTileThreads, 0, p);
  });
  launcher.run(soften_kernel, dim3(group, n_heads), kThreads, 0, p);
  launcher.run(combine_kernel, dim3((most_scored + kThreads - 1) / kThreads, n_heads), kThreads, 0, p);
}

}  // namespace rkv::gpu
