// Kernels that look at cached rows one by one, given by address, of one KV dtype.
#pragma once

#include "core/numeric.h"
#include "cpu/cpu_level.h"

namespace rkv::cpu {

/// f32 but for spreads(). d is a multiple of 8.
struct RowKernels {
  /// norm[i] = |row i|_2.
  void (*norms)(const void* const* rows, int n, int d, float* norm);
  /// dot[i] = x . row i.
  void (*dots)(const void* const* rows, int n, int d, const float* x, float* dot);
  /// sum[d] = sum of factor[i] * row i; without factors they are 1.
  void (*sum)(const void* const* rows, int n, int d, const float* factor, float* sum);
  /// low[d], high[d] = smallest and largest of every dim; n >= 1.
  void (*ranges)(const void* const* rows, int n, int d, float* low, float* high);
  /// spread[i] = standard deviation over dims of (row i - low) / (high - low), in f64; dims without a range count as 0.
  void (*spreads)(const void* const* rows, int n, int d, const float* low, const float* high, double* spread);
};

const RowKernels& row_kernels(CpuLevel level, DType kv);

}  // namespace rkv::cpu
