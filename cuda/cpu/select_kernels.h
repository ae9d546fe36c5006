// Vector kernels of the selection of tokens.
#pragma once

#include "core/numeric.h"
#include "cpu/cpu_level.h"

namespace rkv::cpu {

struct SelectKernels {
  /// score[g][p] = sum over j of weight[j][g] * row[j][p]: the products of a group's query dims with page bounds.
  /// row[j] [n] of the KV dtype, weight [n_rows, group], score [group, pitch]. Nothing past n is touched.
  void (*weigh)(const void* const* row, int n_rows, const float* weight, int group, int n, float* score, int pitch);
  float (*highest)(const float* x, int n);
  /// x[i] = exp((x[i] - top) * scale) in place; returns their sum.
  float (*exp_sum)(float* x, int n, float top, float scale);
  /// y[i] += factor * x[i].
  void (*add_scaled)(const float* x, int n, float factor, float* y);
  /// Indices of the m highest of n finite numbers, ascending; ties go to the lower index. 0 <= m <= n.
  void (*top)(const float* x, int n, int m, int32_t* index);
};

const SelectKernels& select_kernels(CpuLevel level, DType kv);

}  // namespace rkv::cpu
