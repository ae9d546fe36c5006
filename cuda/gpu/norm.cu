// RMS norm: y = x / rms(x) * weight, row by row.
//
//   x       [n, dim]  f32
//   weight  [dim]     f32
//   y       [n, dim]  f32  out; may be x
//
// Squares are summed in f32 per thread and in f64 over threads, so that the sum of a long row is exact to f32. Rows are
// short in Q and K norms (head dim, many rows) and long elsewhere (one per token): short ones get a warp each.
//
// Launch: dim <= 512: block (32, 8), a warp per row, grid ceil(n / 8). Else block (up to 1024), grid n.
// Reads and writes 8 * n * dim bytes; in decode it is all latency.
// CPU reference: cpu/vector.kernel.cpp. Tolerance 2e-6 relative: other order of sums.
#include <algorithm>

#include "gpu/aligned.h"
#include "gpu/kernels.h"
#include "gpu/reduce.cuh"

namespace rkv::gpu {
namespace {

struct NormParams {
  const float *x, *weight;
  float* y;
  float eps;
  int n, dim;
};

constexpr int kLongestOfWarp = 512;
constexpr int kRowsPerBlock = 8;

/// One thread's part of a row: vectors of kWidth, `first` and every `stride` after it.
template <int kWidth>
struct RowPart {
  const NormParams& p;
  int64_t row;
  int first, stride;

  template <class Fn>
  __device__ void for_each(Fn&& fn) const {
    for (int i = first * kWidth; i < p.dim; i += stride * kWidth) fn(load<kWidth>(p.x + row * p.dim + i), i);
  }
  __device__ float squares() const {
    float sum = 0;
    for_each([&](const Vector<kWidth>& v, int) {
#pragma unroll
      for (int j = 0; j < kWidth; j++) sum += v.at[j] * v.at[j];
    });
    return sum;
  }
  /// @param total  Squares of the whole row.
  __device__ void write(double total) const {
    const float scale = static_cast<float>(1.0 / sqrt(total / p.dim + static_cast<double>(p.eps)));
    for_each([&](Vector<kWidth> v, int i) {
      const Vector<kWidth> weight = load<kWidth>(p.weight + i);
#pragma unroll
      for (int j = 0; j < kWidth; j++) v.at[j] = v.at[j] * scale * weight.at[j];
      store(p.y + row * p.dim + i, v);
    });
  }
};

template <int kWidth>
__global__ void norm_short_kernel(const NormParams* params) {
  const NormParams p = *params;
  const int64_t row = static_cast<int64_t>(blockIdx.x) * kRowsPerBlock + threadIdx.y;
  if (row >= p.n) return;
  const RowPart<kWidth> part{p, row, static_cast<int>(threadIdx.x), kWarp};
  part.write(warp_sum(static_cast<double>(part.squares())));
}

template <int kWidth>
__global__ void norm_long_kernel(const NormParams* params) {
  RKV_SHARED(double, shared, [kMaxWarps]);
  const NormParams p = *params;
  const RowPart<kWidth> part{p, blockIdx.x, static_cast<int>(threadIdx.x), static_cast<int>(blockDim.x)};
  part.write(block_sum(static_cast<double>(part.squares()), shared));
}

template <int kWidth>
void start(Launcher& launcher, const NormParams& params) {
  if (params.dim <= kLongestOfWarp) {
    launcher.run(norm_short_kernel<kWidth>, (params.n + kRowsPerBlock - 1) / kRowsPerBlock, {kWarp, kRowsPerBlock}, 0,
                 params);
  } else {
    const int vectors = (params.dim + kWidth - 1) / kWidth;
    launcher.run(norm_long_kernel<kWidth>, params.n, std::min(1024, (vectors + kWarp - 1) / kWarp * kWarp), 0, params);
  }
}

}  // namespace

void rms_norm(Launcher& launcher, const float* x, const float* weight, float eps, int n, int dim, float* y) {
  if (n == 0) return;
  const NormParams params = {x, weight, y, eps, n, dim};
  if (dim % 4 == 0 && aligned(x) && aligned(weight) && aligned(y)) {
    start<4>(launcher, params);
  } else {
    start<1>(launcher, params);
  }
}

}  // namespace rkv::gpu
