// The kernels behind vector.h: one call does rows or elements that follow one another.
#pragma once

#include <cstdint>

#include "cpu/cpu_level.h"

namespace rkv::cpu {

struct VectorKernels {
  void (*rms_norm)(const float* x, const float* weight, float eps, int rows, int dim, float* y);
  void (*add)(float* x, const float* y, int64_t count);
  void (*silu_mul)(float* gate, const float* up, int64_t count);
  /// The heads of one token; `table` is that token's [pairs, 2].
  void (*rope)(float* x, int heads, int d, int pairs, bool interleaved, const float* table);
  /// Nearest, ties to even.
  void (*to_bf16)(const float* x, int count, uint16_t* out);
  /// The sum of 64-bit words, for its reads alone.
  uint64_t (*read)(const uint64_t* words, int64_t count);
};

const VectorKernels& vector_kernels(CpuLevel level);

}  // namespace rkv::cpu
