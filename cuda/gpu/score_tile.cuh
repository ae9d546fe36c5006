// Scores of 64 rows of queries against 64 keys in f32, for kernels that must be as exact as the CPU's.
#pragma once

#include "gpu/kv_row.cuh"

namespace rkv::gpu {

constexpr int kTileThreads = 256;
constexpr int kTileRows = 64, kTileKeys = 64;
constexpr int kTilePitch = 68;  // floats: rows of float4 that begin in different banks
constexpr int kStageDims = 32;

/// Dims [dim, dim + kStageDims) of the rows and of the keys, dim-major.
struct ScoreStage {
  float rows[kStageDims][kTilePitch];
  float keys[kStageDims][kTilePitch];
};

/// The 4 x 4 scores of a thread: rows tile_row() + 0 .. 3, keys tile_key() + 0 .. 3.
__device__ __forceinline__ int tile_row() { return static_cast<int>(threadIdx.x) / 16 * 4; }
__device__ __forceinline__ int tile_key() { return static_cast<int>(threadIdx.x) % 16 * 4; }
/// The row and the key that a thread loads; four threads share them.
__device__ __forceinline__ int loaded_row() { return static_cast<int>(threadIdx.x) % 64; }

/// This thread's eight of the dims [dim, dim + kStageDims) of a row (kv_row.cuh), zeros where there is none.
template <class Row>
__device__ __forceinline__ void stage_dims(const Row& row, int dim, int d, float (&to)[kStageDims][kTilePitch]) {
  const int first = static_cast<int>(threadIdx.x) / 64 * kRowStep;
  float x[kRowStep] = {};
  if (row.exists() && dim + first < d) row.load(dim + first, x);
#pragma unroll
  for (int i = 0; i < kRowStep; i++) to[first + i][loaded_row()] = x[i];
}

/// sum[i][j] += a[.. + i] * b[.. + j] over `n` rows of a and b.
template <int kPitchA, int kPitchB>
__device__ __forceinline__ void multiply_tile(const float* a, const float* b, int n, float (&sum)[4][4]) {
#pragma unroll 8
  for (int k = 0; k < n; k++) {
    const float4 x = *reinterpret_cast<const float4*>(a + k * kPitchA);
    const float4 y = *reinterpret_cast<const float4*>(b + k * kPitchB);
    const float of_a[4] = {x.x, x.y, x.z, x.w}, of_b[4] = {y.x, y.y, y.z, y.w};
#pragma unroll
    for (int i = 0; i < 4; i++) {
#pragma unroll
      for (int j = 0; j < 4; j++) sum[i][j] = fmaf(of_a[i], of_b[j], sum[i][j]);
    }
  }
}

/// Products of this thread's rows and keys, unscaled. Whole block of kTileThreads.
///
/// @param row, key  Of loaded_row(): d elements each, or none for zeros. d is a multiple of 8.
template <class Key>
__device__ void score_tile(const PlainRow<float>& row, const Key& key, int d, ScoreStage& stage, float (&score)[4][4]) {
#pragma unroll
  for (int i = 0; i < 4; i++) score[i][0] = score[i][1] = score[i][2] = score[i][3] = 0;
  for (int dim = 0; dim < d; dim += kStageDims) {
    __syncthreads();  // `stage` may still be in use
    stage_dims(row, dim, d, stage.rows);
    stage_dims(key, dim, d, stage.keys);
    __syncthreads();
    multiply_tile<kTilePitch, kTilePitch>(&stage.rows[0][tile_row()], &stage.keys[0][tile_key()], kStageDims, score);
  }
}

template <class T>
__device__ void score_tile(const float* row, const T* key, int d, ScoreStage& stage, float (&score)[4][4]) {
  score_tile(PlainRow<float>{row}, PlainRow<T>{key}, d, stage, score);
}

}  // namespace rkv::gpu
