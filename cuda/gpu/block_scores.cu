// Which blocks of keys a block of queries may attend to: products of their means (MInference, arXiv:2407.02490).
//
//   q      [n, n_heads, d]                      f32       the first row is slot `first_slot`, a multiple of 64
//   cache  K [first_slot + n, d]                KV dtype  in runs, perhaps as codes
//   score  [n_heads, row blocks, key blocks]    f32       out; -inf where all keys come later
//
// Launches: means     grid (blocks of 64, heads), of queries and of keys, to scratch memory
//           multiply  grid (tiles of 64 key blocks, of 64 row blocks, query heads), by tiles in f32
// CPU reference: cpu/block_scores.cpp. Tolerance 1e-5 relative: other order of sums.
#include "gpu/kernels.h"
#include "gpu/row_sums.cuh"
#include "gpu/score_tile.cuh"

namespace rkv::gpu {
namespace {

constexpr int kBlockRows = 64;
constexpr int blocks_of(int n) { return (n + kBlockRows - 1) / kBlockRows; }

struct BlockParams {
  const float* q;
  const CacheView* caches;
  float *query_means, *key_means;  // [n_heads, row_blocks, d], [heads, key_blocks, d]
  float* score;
  int n, n_heads, group, d, first_slot;
  int row_blocks, key_blocks;
};

/// The mean of rows [begin, end). @param row  LaneDims row(int i).
template <class RowOf>
__device__ void put_mean(int begin, int end, int d, float* mean, RowOf row) {
  sum_rows(begin, end, d, mean, row);
  for (int dim = threadIdx.x; dim < d; dim += kRowThreads) mean[dim] /= static_cast<float>(end - begin);
}

__global__ void __launch_bounds__(kRowThreads) query_means_kernel(const BlockParams* params) {
  const BlockParams& p = *params;
  const int block = static_cast<int>(blockIdx.x), head = static_cast<int>(blockIdx.y), begin = block * kBlockRows;
  put_mean(begin, min(begin + kBlockRows, p.n), p.d, p.query_means + (int64_t{head} * p.row_blocks + block) * p.d,
           [&](int row) { return LaneDims(PlainRow<float>{p.q + (int64_t{row} * p.n_heads + head) * p.d}, p.d); });
}

template <class Rows>
__global__ void __launch_bounds__(kRowThreads) key_means_kernel(const BlockParams* params) {
  const BlockParams& p = *params;
  const int block = static_cast<int>(blockIdx.x), head = static_cast<int>(blockIdx.y), begin = block * kBlockRows;
  put_mean(begin, min(begin + kBlockRows, p.first_slot + p.n), p.d,
           p.key_means + (int64_t{head} * p.key_blocks + block) * p.d,
           [&](int slot) { return LaneDims(Rows::k(*p.caches[head].find_run(slot), slot, p.d), p.d); });
}

__global__ void __launch_bounds__(kTileThreads) multiply_means_kernel(const BlockParams* params) {
  RKV_SHARED(ScoreStage, stage);
  const BlockParams& p = *params;
  const int first_key = static_cast<int>(blockIdx.x) * kTileKeys, first_row = static_cast<int>(blockIdx.y) * kTileRows;
  const int head = blockIdx.z, row = first_row + loaded_row(), key = first_key + loaded_row();
  const float* q = p.query_means + (int64_t{head} * p.row_blocks + row) * p.d;
  const float* k = p.key_means + (int64_t{head / p.group} * p.key_blocks + key) * p.d;
  float product[4][4];
  score_tile(row < p.row_blocks ? q : nullptr, key < p.key_blocks ? k : nullptr, p.d, stage, product);
#pragma unroll
  for (int i = 0; i < 4; i++) {
    const int r = first_row + tile_row() + i;
#pragma unroll
    for (int j = 0; j < 4; j++) {
      const int c = first_key + tile_key() + j;
      if (r >= p.row_blocks || c >= p.key_blocks) continue;
      const bool later = c > p.first_slot / kBlockRows + r;
      p.score[(int64_t{head} * p.row_blocks + r) * p.key_blocks + c] = later ? -INFINITY : product[i][j];
    }
  }
}

}  // namespace

void block_scores(Launcher& launcher, Scratch& scratch, const float* q, int n, int first_slot,
                  std::span<const HeadCache> heads, int group, int d, DType kv, float* score) {
  if (n == 0 || heads.empty()) return;
  const std::vector<CacheView> caches = view_caches(launcher, heads);
  BlockParams p = {};
  p.q = q, p.caches = launcher.stage(std::span<const CacheView>(caches)), p.score = score;
  p.n = n, p.n_heads = static_cast<int>(heads.size()) * group, p.group = group, p.d = d, p.first_slot = first_slot;
  p.row_blocks = blocks_of(n), p.key_blocks = blocks_of(first_slot + n);
  const size_t query_floats = static_cast<size_t>(p.n_heads) * p.row_blocks * d;
  p.query_means = scratch.get<float>(query_floats + heads.size() * static_cast<size_t>(p.key_blocks) * d);
  p.key_means = p.query_means + query_floats;
  launcher.run(query_means_kernel, dim3(p.row_blocks, p.n_heads), kRowThreads, 0, p);
  with_rows(kv, heads, std::identity{}, [&](auto rows) {
    launcher.run(key_means_kernel<decltype(rows)>, dim3(p.key_blocks, static_cast<unsigned>(heads.size())), kRowThreads,
                 0, p);
  });
  const dim3 grid((p.key_blocks + kTileKeys - 1) / kTileKeys, (p.row_blocks + kTileRows - 1) / kTileRows, p.n_heads);
  launcher.run(multiply_means_kernel, grid, kTileThreads, 0, p);
}

}  // namespace rkv::gpu
