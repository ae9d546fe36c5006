// Rows of the embedding table.
//
//   table   [vocab_size, dim]  packed, any type
//   tokens  [n]                i32
//   x       [n, dim]           f32 out: the dequantised rows, exact
//
// Launch: grid n, block 128, one unit of weights per thread at a time. Reads n rows, writes 4 * n * dim bytes.
// CPU reference: Ops::embed of cpu/cpu_ops.cpp, the same bits.
#include "gpu/dequant.cuh"
#include "gpu/kernels.h"

namespace rkv::gpu {
namespace {

constexpr int kThreads = 128;

struct EmbedParams {
  PackedWeight table;
  const int32_t* tokens;
  float* x;
};

template <class Format>
__device__ __forceinline__ void write_unit(const PackedWeight& table, int row, int index, float* x) {
  const uint32_t at = table.at(row, index);
  const typename Format::Unit unit = Format::load(table, at);
  const Scales scales = Format::scales(unit, at);
  const int from = index * Format::kUnit;
#pragma unroll
  for (int j = 0; j < Format::kUnit / 4; j++) {
    const float4 v = Format::values(unit, j, scales);
    const float values[4] = {v.x, v.y, v.z, v.w};
#pragma unroll
    for (int i = 0; i < 4; i++) {
      if (from + 4 * j + i < table.cols) x[from + 4 * j + i] = values[i];
    }
  }
}

__global__ void __launch_bounds__(kThreads) embed_kernel(const EmbedParams* params) {
  const EmbedParams& p = *params;
  const int row = p.tokens[blockIdx.x];
  float* x = p.x + static_cast<int64_t>(blockIdx.x) * p.table.cols;
  with_format(p.table.dtype, [&](auto format) {
    using Format = decltype(format);
    for (int unit = static_cast<int>(threadIdx.x); unit < p.table.row_units; unit += kThreads) {
      write_unit<Format>(p.table, row, unit, x);
    }
  });
}

}  // namespace

void embed(Launcher& launcher, const Weight& packed, const int32_t* tokens, int n, float* x) {
  if (n == 0) return;
  const int32_t* staged = launcher.stage(std::span(tokens, static_cast<size_t>(n)));
  const EmbedParams params = {packed_weight(packed), staged, x};
  launcher.run(embed_kernel, static_cast<unsigned>(n), kThreads, 0, params);
}

}  // namespace rkv::gpu
