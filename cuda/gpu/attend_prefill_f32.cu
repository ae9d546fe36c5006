// Causal attention of new tokens over an f32 cache, in f32 throughout: for comparisons, not for speed.
//
//   q, out  [n, n_kv_heads, group, d]  f32  token i sees the slots before cache.n - n + i + 1, within the window
//   cache   K, V [cache.n, d]          f32  in runs; the new tokens are the last n slots
//
// Flash attention (arXiv:2205.14135) by tiles of 64 rows of queries, see PrefillParams, and 64 keys: a thread has 4 x 4
// scores of a tile and, of the output, 4 rows x 4 dims of every 64.
//
// Launch: grid (heads, tiles of rows), block kTileThreads. CPU reference: cpu/attend_prefill.cpp. Tolerance 1e-5: other
// order of sums.
#include "gpu/attend_prefill.cuh"
#include "gpu/reduce.cuh"
#include "gpu/score_tile.cuh"

namespace rkv::gpu {
namespace {

constexpr int kPanel = 64;  // dims of V in shared memory at a time

union Stage {
  ScoreStage scores;
  float v[kTileKeys][kPanel];
};
struct Shared {
  Stage stage;
  float weight[kTileKeys][kTilePitch];   // key-major
  int first[kTileRows], end[kTileRows];  // slots that the rows see
};

/// Weights 2^(score * scale - top) of a thread's rows to shared memory. Returns, in `keep`, what becomes of earlier
/// sums.
__device__ void soften(int slot, float scale, float (&score)[4][4], float (&top)[4], float (&sum)[4], float (&keep)[4],
                       Shared& shared) {
#pragma unroll
  for (int i = 0; i < 4; i++) {
    const int begin = shared.first[tile_row() + i] - slot, end = shared.end[tile_row() + i] - slot;
    float highest = top[i];
#pragma unroll
    for (int j = 0; j < 4; j++) {
      const int key = tile_key() + j;
      score[i][j] = key < begin || key >= end ? -INFINITY : score[i][j] * scale;
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

/// Dims [dim, dim + kPanel) of V, of the keys from `slot` on; zeros behind `end` and behind the last dim.
__device__ void load_values(const CacheView& cache, int slot, int end, int dim, int d, Shared& shared) {
  const int key = loaded_row(), first = static_cast<int>(threadIdx.x) / 64 * 16;
  const float* row = nullptr;
  if (slot + key < end) {
    const SlotRun* run = cache.find_run(slot + key);
    row = reinterpret_cast<const float*>(run->v) + int64_t{slot + key - run->begin} * d + dim;
  }
  for (int at = first; at < first + 16; at += 4) {
    float4 piece = {0, 0, 0, 0};
    if (row != nullptr && dim + at < d) piece = *reinterpret_cast<const float4*>(row + at);
    *reinterpret_cast<float4*>(&shared.stage.v[key][at]) = piece;
  }
}

template <int kPanels>
__global__ void __launch_bounds__(kTileThreads, 1) attend_prefill_f32_kernel(const PrefillParams* params) {
  RKV_SHARED(Shared, shared);
  const PrefillParams& p = *params;
  const int head = blockIdx.x, first_row = p.first_row(kTileRows), d = p.d;
  const CacheView cache = p.heads[head];
  for (int i = threadIdx.x; i < kTileRows; i += kTileThreads) {
    const int token = p.token_of(first_row + i);
    shared.first[i] = p.first_seen(cache, token), shared.end[i] = p.end_seen(cache, token);
  }
  __syncthreads();

  const float* q = p.is_row(first_row + loaded_row()) ? p.q + p.offset(head, first_row + loaded_row()) : nullptr;
  float out[kPanels][4][4] = {}, top[4], sum[4] = {}, keep[4];
  for (float& t : top) t = -INFINITY;
  const int end = shared.end[kTileRows - 1];
  for (int slot = shared.first[0] / kTileKeys * kTileKeys; slot < end; slot += kTileKeys) {
    const float* key = nullptr;
    if (slot + loaded_row() < end) {
      const SlotRun* run = cache.find_run(slot + loaded_row());
      key = reinterpret_cast<const float*>(run->k) + int64_t{slot + loaded_row() - run->begin} * d;
    }
    float score[4][4];
    score_tile(q, key, d, shared.stage.scores, score);
    soften(slot, p.scale, score, top, sum, keep, shared);
#pragma unroll
    for (int panel = 0; panel < kPanels; panel++) {
      __syncthreads();  // nobody reads the stage any more
      load_values(cache, slot, end, panel * kPanel, d, shared);
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
    const int row = first_row + tile_row() + i;
    if (!p.is_row(row)) continue;
    const float factor = 1.0f / sum[i];
#pragma unroll
    for (int panel = 0; panel < kPanels; panel++) {
      const int dim = panel * kPanel + tile_key();
      const float* x = out[panel][i];
      if (dim < d)
        *reinterpret_cast<float4*>(p.out + p.offset(head, row) + dim) = {x[0] * factor, x[1] * factor, x[2] * factor,
                                                                         x[3] * factor};
    }
  }
}

template <int kPanels>
void start(Launcher& launcher, const PrefillParams& params) {
  const dim3 grid(params.n_heads, (params.n * params.group + kTileRows - 1) / kTileRows);
  launcher.run(attend_prefill_f32_kernel<kPanels>, grid, kTileThreads, 0, params);
}

}  // namespace

void attend_prefill_f32(Launcher& launcher, const PrefillParams& params) {
  if (params.d <= kPanel)
    start<1>(launcher, params);
  else if (params.d <= 2 * kPanel)
    start<2>(launcher, params);
  else
    start<4>(launcher, params);
}

}  // namespace rkv::gpu
