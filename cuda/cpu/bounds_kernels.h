// Kernel of the page bounds.
#pragma once

#include "core/numeric.h"
#include "cpu/cpu_level.h"

namespace rkv::cpu {

struct BoundsKernels {
  /// low[i], high[i] = min and max of element i over n >= 1 keys, given by address; f32 [d], d a multiple of 8.
  void (*extremes)(const void* const* k, int n, int d, float* low, float* high);
};

const BoundsKernels& bounds_kernels(CpuLevel level, DType kv);

}  // namespace rkv::cpu
