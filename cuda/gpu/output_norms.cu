// How much a token can change a layer's output: |W_o v|_1, averaged over the group (CriticalKV, arXiv:2502.03805).
//
//   wo     [dim, n_heads * d]  packed, any type
//   cache  V [n, d]            KV dtype  in runs, perhaps as codes
//   score  [n_scored]          f32       out
//
// One query head of every group at a time: its d columns of W_o are turned to f32 rows in scratch memory, then
// multiplied with V by tiles in f32; magnitudes are added up in the order of the rows.
//
// Launches, `group` times: unpack  grid (ceil(dim * d / 4 / kThreads), heads)
//                          norms   grid (tiles of 64 slots, heads), dim * d multiply-adds per slot
// CPU reference: cpu/output_norms.cpp. Tolerance 1e-5 relative: other order of sums.
#include <algorithm>

#include "gpu/dequant.cuh"
#include "gpu/kernels.h"
#include "gpu/score_tile.cuh"

namespace rkv::gpu {
namespace {

constexpr int kThreads = 256;

struct NormParams {
  const ValueHead* heads;
  const CacheView* caches;
  PackedWeight wo;
  float* columns;  // [heads, wo.rows, d]
  int group, d;
  int query_head;  // of every group
};

/// The columns of query head p.query_head of every KV head, four weights per thread.
__global__ void unpack_columns_kernel(const NormParams* params) {
  const NormParams& p = *params;
  const int64_t at = (static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x) * 4;
  if (at >= int64_t{p.wo.rows} * p.d) return;
  const int row = static_cast<int>(at / p.d), dim = static_cast<int>(at - int64_t{row} * p.d);
  const int column = (p.heads[blockIdx.y].kv_head * p.group + p.query_head) * p.d + dim;
  float4 four = {};
  with_format(p.wo.dtype, [&](auto format) {
    using Format = decltype(format);
    const uint32_t unit = p.wo.at(row, column / Format::kUnit);
    const typename Format::Unit loaded = Format::load(p.wo, unit);
    four = Format::values(loaded, column % Format::kUnit / 4, Format::scales(loaded, unit));
  });
  *reinterpret_cast<float4*>(p.columns + int64_t{blockIdx.y} * p.wo.rows * p.d + at) = four;
}

template <class Rows>
__global__ void __launch_bounds__(kTileThreads) add_norms_kernel(const NormParams* params) {
  RKV_SHARED(ScoreStage, stage);
  RKV_SHARED(float, column, [kTileRows / 4][kTileKeys]);  // over the rows of a thread
  const NormParams& p = *params;
  const ValueHead& head = p.heads[blockIdx.y];
  const CacheView& cache = p.caches[blockIdx.y];
  const int slot = static_cast<int>(blockIdx.x) * kTileKeys, own = slot + loaded_row(), d = p.d;
  if (slot >= head.n_scored) return;
  const typename Rows::Row value = own < head.n_scored ? Rows::v(*cache.find_run(own), own, d) : Rows::none();
  const float* const columns = p.columns + int64_t{blockIdx.y} * p.wo.rows * d;

  float sum[4] = {};
  for (int first = 0; first < p.wo.rows; first += kTileRows) {
    const int row = first + loaded_row();
    float product[4][4];
    score_tile(PlainRow<float>{row < p.wo.rows ? columns + int64_t{row} * d : nullptr}, value, d, stage, product);
#pragma unroll
    for (int j = 0; j < 4; j++)
      sum[j] += fabsf(product[0][j]) + fabsf(product[1][j]) + fabsf(product[2][j]) + fabsf(product[3][j]);
  }
  *reinterpret_cast<float4*>(&column[tile_row() / 4][tile_key()]) = {sum[0], sum[1], sum[2], sum[3]};
  __syncthreads();
  const int at = slot + static_cast<int>(threadIdx.x);
  if (threadIdx.x >= kTileKeys || at >= head.n_scored) return;
  float total = p.query_head == 0 ? 0.0f : head.score[at];
  for (int i = 0; i < kTileRows / 4; i++) total += column[i][threadIdx.x];
  head.score[at] = p.query_head == p.group - 1 ? total / static_cast<float>(p.group) : total;
}

}  // namespace

void output_norms(Launcher& launcher, Scratch& scratch, std::span<const ValueHead> heads, const Weight& wo, int group,
                  int d, DType kv) {
  int most = 0;
  for (const ValueHead& head : heads) most = std::max(most, head.n_scored);
  if (most == 0) return;
  const std::vector<CacheView> caches = view_caches(launcher, heads, &ValueHead::cache);
  const int64_t weights = int64_t{wo.rows} * d;
  NormParams p = {};
  p.heads = launcher.stage(heads), p.caches = launcher.stage(std::span<const CacheView>(caches));
  p.wo = packed_weight(wo);
  p.columns = scratch.get<float>(heads.size() * static_cast<size_t>(weights));
  p.group = group, p.d = d;
  const auto n_heads = static_cast<unsigned>(heads.size());
  const dim3 unpack(static_cast<unsigned>((weights / 4 + kThreads - 1) / kThreads), n_heads);
  const dim3 tiles((most + kTileKeys - 1) / kTileKeys, n_heads);
  for (p.query_head = 0; p.query_head < group; p.query_head++) {
    launcher.run(unpack_columns_kernel, unpack, kThreads, 0, p);
    with_rows(kv, heads, &ValueHead::cache,
              [&](auto rows) { launcher.run(add_norms_kernel<decltype(rows)>, tiles, kTileThreads, 0, p); });
  }
}

}  // namespace rkv::gpu
