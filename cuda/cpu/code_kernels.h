// Kernels between cached rows and their codes.
#pragma once

#include "core/numeric.h"
#include "cpu/cpu_level.h"

namespace rkv::cpu {

/// Largest head dim of a model.
constexpr int kMaxHeadDim = 256;

/// For one KV dtype. Codes of 2, 4 or 8 bits lie one after the other, the first in the lowest bits; d is a multiple of
/// 8 and at most kMaxHeadDim. Results are the same bits on every instruction set.
struct CodeKernels {
  /// row = code * scale + min.
  void (*decode)(const uint8_t* codes, int bits, const float* scale, const float* min, int d, void* row);
  /// code = (row - min) / scale, rounded to nearest even, between 0 and 2^bits - 1.
  void (*encode)(const void* row, int bits, const float* scale, const float* min, int d, uint8_t* codes);
  void (*widen)(const void* row, int d, float* x);
  void (*to_f16)(const float* x, int n, uint16_t* y);
  void (*from_f16)(const uint16_t* x, int n, float* y);
};

const CodeKernels& code_kernels(CpuLevel level, DType kv);

}  // namespace rkv::cpu
