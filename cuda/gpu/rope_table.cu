// cos and sin of every position and rotated pair of a call, shared by all its layers.
//
//   table  [n, pairs, 2]  f32  out: cos, sin, times `factor`
//
// Angles reach 10^5 radians, where f32 knows a position only to 1/100: they are f64, as on the CPU.
//
// Launch: grid (ceil(n * pairs / 128), 2 for cos and sin), block 128, one thread per element. CPU reference:
// cpu/vector.cpp.
#include "gpu/kernels.h"

namespace rkv::gpu {
namespace {

constexpr int kThreads = 128;

struct RopeTableParams {
  const int32_t* positions;
  const double* inv_freq;
  float* table;
  int n, pairs;
  float factor;
};

__global__ void rope_table_kernel(const RopeTableParams* params) {
  const RopeTableParams& p = *params;
  const int at = static_cast<int>(blockIdx.x) * kThreads + static_cast<int>(threadIdx.x);
  if (at >= p.n * p.pairs) return;
  const double angle = p.positions[at / p.pairs] * p.inv_freq[at % p.pairs];
  const bool sine = blockIdx.y == 1;
  p.table[int64_t{2} * at + sine] = static_cast<float>((sine ? sin(angle) : cos(angle)) * p.factor);
}

}  // namespace

void rope_table(Launcher& launcher, const int32_t* positions, int n, const double* inv_freq, int pairs, float factor,
                float* table) {
  if (n == 0 || pairs == 0) return;
  const RopeTableParams params{launcher.stage(std::span(positions, static_cast<size_t>(n))),
                               launcher.stage(std::span(inv_freq, static_cast<size_t>(pairs))),
                               table,
                               n,
                               pairs,
                               factor};
  const dim3 grid(static_cast<unsigned>((n * pairs + kThreads - 1) / kThreads), 2);
  launcher.run(rope_table_kernel, grid, kThreads, 0, params);
}

}  // namespace rkv::gpu
