// What one warp of attend_prefill_bf16 does with its rows of queries, tile by tile of keys: all of it in registers.
#pragma once

#include "gpu/attend_prefill.cuh"
#include "gpu/intrinsics.h"
#include "gpu/reduce.cuh"

namespace rkv::gpu::prefill {

constexpr int kKeys = 64;  // of a tile
constexpr int kChunk = 8;  // bf16 in 16 bytes

/// Elements from a row of Q, K or V in shared memory to the next.
template <int kDim>
constexpr int kRowPitch = kDim + kChunk;

/// Slots that a row sees.
struct Seen {
  int begin, end;
};

/// What a warp knows of its rows; a lane has rows lane / 4 and lane / 4 + 8 of every slab.
template <int kDim, int kSlabs>
struct WarpRows {
  float score[kSlabs][kKeys / 8][4];      // of one tile
  uint32_t weight[kSlabs][kKeys / 8][2];  // what soften() makes of them: pairs in bf16
  float out[kSlabs][kDim / 8][4];
  float top[kSlabs][2], sum[kSlabs][2];  // running softmax; sums are of this lane's keys only
};

/// Scores of the warp's rows against the keys of a tile.
template <int kDim, int kSlabs>
__device__ __forceinline__ void multiply_keys(const bf16* q, const bf16* k, WarpRows<kDim, kSlabs>& rows) {
  constexpr int kPitch = kRowPitch<kDim>;
  const int lane = threadIdx.x % kWarp;
  const bf16* q_at = q + lane % 16 * kPitch + lane / 16 * 8;
  const bf16* k_at = k + (lane % 8 + lane / 16 * 8) * kPitch + lane / 8 % 2 * 8;
#pragma unroll
  for (int s = 0; s < kSlabs; s++) {
#pragma unroll
    for (int n = 0; n < kKeys / 8; n++)
      rows.score[s][n][0] = rows.score[s][n][1] = rows.score[s][n][2] = rows.score[s][n][3] = 0;
  }
#pragma unroll
  for (int dim = 0; dim < kDim; dim += 16) {
    uint32_t a[kSlabs][4];
#pragma unroll
    for (int s = 0; s < kSlabs; s++) ldmatrix_x4(a[s], q_at + s * 16 * kPitch + dim);
#pragma unroll
    for (int n = 0; n < kKeys / 8; n += 2) {
      uint32_t b[4];
      ldmatrix_x4(b, k_at + n * 8 * kPitch + dim);
#pragma unroll
      for (int s = 0; s < kSlabs; s++) {
        mma_bf16(rows.score[s][n], a[s], b[0], b[1]);
        mma_bf16(rows.score[s][n + 1], a[s], b[2], b[3]);
      }
    }
  }
}

/// Hide the keys of the tile at `slot` that rows do not see. `seen`: of the warp's rows.
template <int kDim, int kSlabs>
__device__ __forceinline__ void mask(int slot, const Seen* seen, WarpRows<kDim, kSlabs>& rows) {
  const int lane = threadIdx.x % kWarp;
#pragma unroll
  for (int s = 0; s < kSlabs; s++) {
#pragma unroll
    for (int half = 0; half < 2; half++) {
      const Seen row = seen[s * 16 + half * 8 + lane / 4];
#pragma unroll
      for (int n = 0; n < kKeys / 8; n++) {
#pragma unroll
        for (int i = 0; i < 2; i++) {
          const int key = slot + n * 8 + lane % 4 * 2 + i;
          if (key < row.begin || key >= row.end) rows.score[s][n][half * 2 + i] = -INFINITY;
        }
      }
    }
  }
}

/// Scores to weights 2^(score * scale - top), and what was summed so far to the new top. Sums are of the weights as
/// rounded, which are those that multiply the values; the f32 ones need no registers any longer.
template <int kDim, int kSlabs>
__device__ __forceinline__ void soften(float scale, WarpRows<kDim, kSlabs>& rows) {
#pragma unroll
  for (int s = 0; s < kSlabs; s++) {
#pragma unroll
    for (int half = 0; half < 2; half++) {
      float top = rows.top[s][half];
#pragma unroll
      for (int n = 0; n < kKeys / 8; n++)
        top = fmaxf(top, fmaxf(rows.score[s][n][half * 2], rows.score[s][n][half * 2 + 1]));
      top = warp_max<4>(top);
      const float finite = top == -INFINITY ? 0.0f : top;  // nothing seen yet: all weights are 0, not NaN
      const float shift = finite * scale;
      const float keep = fast_exp2((rows.top[s][half] - finite) * scale);  // exactly 1 when the top stays
      float sum = 0;
#pragma unroll
      for (int n = 0; n < kKeys / 8; n++) {
        const auto weight = [&](int i) { return fast_exp2(fmaf(rows.score[s][n][half * 2 + i], scale, -shift)); };
        const uint32_t pair = pack_bf16(weight(0), weight(1));
        rows.weight[s][n][half] = pair;
        sum += bf16_low(pair) + bf16_high(pair);
      }
      rows.top[s][half] = top;
      rows.sum[s][half] = fmaf(rows.sum[s][half], keep, sum);
#pragma unroll
      for (int n = 0; n < kDim / 8; n++) rows.out[s][n][half * 2] *= keep, rows.out[s][n][half * 2 + 1] *= keep;
    }
  }
}

/// Add the values of a tile by their weights.
template <int kDim, int kSlabs>
__device__ __forceinline__ void multiply_values(const bf16* v, WarpRows<kDim, kSlabs>& rows) {
  constexpr int kPitch = kRowPitch<kDim>;
  const int lane = threadIdx.x % kWarp;
  const bf16* v_at = v + lane % 16 * kPitch + lane / 16 * 8;
#pragma unroll
  for (int key = 0; key < kKeys; key += 16) {
    uint32_t a[kSlabs][4];
#pragma unroll
    for (int s = 0; s < kSlabs; s++) {
      a[s][0] = rows.weight[s][key / 8][0], a[s][1] = rows.weight[s][key / 8][1];
      a[s][2] = rows.weight[s][key / 8 + 1][0], a[s][3] = rows.weight[s][key / 8 + 1][1];
    }
#pragma unroll
    for (int n = 0; n < kDim / 8; n += 2) {
      uint32_t b[4];
      ldmatrix_x4_trans(b, v_at + key * kPitch + n * 8);
#pragma unroll
      for (int s = 0; s < kSlabs; s++) {
        mma_bf16(rows.out[s][n], a[s], b[0], b[1]);
        mma_bf16(rows.out[s][n + 1], a[s], b[2], b[3]);
      }
    }
  }
}

/// Rows [first_row, ..) of the output, divided by their sums.
template <int kDim, int kSlabs>
__device__ void store_out(const PrefillParams& p, int head, int first_row, const WarpRows<kDim, kSlabs>& rows) {
  const int lane = threadIdx.x % kWarp;
#pragma unroll
  for (int s = 0; s < kSlabs; s++) {
#pragma unroll
    for (int half = 0; half < 2; half++) {
      const float factor = 1.0f / warp_sum<4>(rows.sum[s][half]);
      const int row = first_row + s * 16 + half * 8 + lane / 4;
      if (!p.is_row(row)) continue;
      float* to = p.out + p.offset(head, row);
#pragma unroll
      for (int n = 0; n < kDim / 8; n++) {
        if (n * 8 >= p.d) break;
        const float2 pair = {rows.out[s][n][half * 2] * factor, rows.out[s][n][half * 2 + 1] * factor};
        *reinterpret_cast<float2*>(to + n * 8 + lane % 4 * 2) = pair;
      }
    }
  }
}

}  // namespace rkv::gpu::prefill
