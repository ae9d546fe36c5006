// Kernels behind observe_queries.h.
#pragma once

#include "cpu/cpu_level.h"

namespace rkv::cpu {

constexpr int kObserveTokens = 128;  // whose products are added in f32

struct ObserveKernels {
  int lanes;  // rows of q are padded with zeros to a multiple of it: the pitch
  /// sum[d] += the n rows.
  void (*add_rows)(const float* q, int n, int d, int pitch, double* sum);
  /// sum[i][j] += q[t][i] * q[t][j] over the n rows, for i in [first, last) and all j of sum [d, d].
  void (*add_products)(const float* q, int n, int d, int pitch, int first, int last, double* sum);
};

const ObserveKernels& observe_kernels(CpuLevel level);

}  // namespace rkv::cpu
