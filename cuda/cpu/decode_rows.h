// Quantised rows of a cache as plain ones.
#pragma once

#include "core/ops.h"
#include "cpu/code_kernels.h"
#include "cpu/float_buffer.h"

namespace rkv::cpu {

/// Bytes of one K row as it is stored, its share of the scales included; a V row has as many.
int64_t stored_row_bytes(const Run& run, int d, DType kv);

/// Memory for decoded rows, and the scales that were used last. Not to be shared by threads.
class RowDecoder {
 public:
  /// Begin anew with room for n rows each of K and V: rows handed out before are gone.
  void begin(int n, int d, DType kv);
  /// The next row, decoded to the KV dtype: x = code * scale + min, rounded once to f32 and once more to bf16.
  const void* key(const Run& run, int row);
  const void* value(const Run& run, int row);

 private:
  const void* decode(const void* codes, int bits, const float* scales, char* row);

  const CodeKernels* kernels_ = nullptr;
  int d_ = 0;
  size_t row_bytes_ = 0, floats_ = 0;
  FloatBuffer rows_;
  char *next_key_ = nullptr, *next_value_ = nullptr;
  const uint16_t* key_scales_of_ = nullptr;  // what key_scales_ holds
  float key_scales_[2 * kMaxHeadDim] = {};   // scale [d], min [d]
  float value_scales_[2 * kMaxHeadDim], packed_[2 * kMaxHeadDim];
};

}  // namespace rkv::cpu
