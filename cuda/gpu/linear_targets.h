// What the kernels of linear() share: the projections of a call, cut into tiles of rows that one grid goes through.
#pragma once

#include <span>

#include "core/ops.h"
#include "gpu/weight_layout.h"

namespace rkv::gpu {

constexpr int kMaxTargets = 4;  // projections of one launch

/// A projection y[n, rows] = x W^T + bias.
struct LinearTarget {
  PackedWeight weight;
  const float* bias;  // or NULL
  float* y;
  int first_tile;
};

/// X: float, or bf16 in rows of `stride`.
template <class X>
struct LinearParams {
  const X* x;  // [n, stride]
  int n, cols, stride;
  int n_targets, n_tiles;
  LinearTarget targets[kMaxTargets];

  LinearParams(const X* x, int n, int stride, std::span<const Projection> projections, int tile_rows)
      : x(x), n(n), cols(projections[0].weight->cols), stride(stride), n_targets(0), n_tiles(0), targets{} {
    for (const Projection& projection : projections) {
      targets[n_targets++] = {packed_weight(*projection.weight), projection.bias, projection.y, n_tiles};
      n_tiles += (projection.weight->rows + tile_rows - 1) / tile_rows;
    }
  }

#if defined(__CUDACC__) || defined(RKV_EMU)
  __device__ const LinearTarget& target_of(int tile) const {
    int i = n_targets - 1;
    while (targets[i].first_tile > tile) i--;
    return targets[i];
  }
#endif
};

}  // namespace rkv::gpu
