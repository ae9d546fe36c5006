#include "cpu/decode_rows.h"

#include <algorithm>

#include "cpu/attend_rows.h"
#include "cpu/kernel_set.h"

namespace rkv::cpu {

namespace avx2 {
extern const CodeKernels code_f32, code_bf16;
}
namespace avx512 {
extern const CodeKernels code_f32, code_bf16;
}
namespace avx512bf16 {
extern const CodeKernels code_f32, code_bf16;
}

const CodeKernels& code_kernels(CpuLevel level, DType kv) {
  return kv == RKV_F32 ? for_level(level, avx2::code_f32, avx512::code_f32, avx512bf16::code_f32)
                       : for_level(level, avx2::code_bf16, avx512::code_bf16, avx512bf16::code_bf16);
}

int64_t stored_row_bytes(const Run& run, int d, DType kv) {
  if (run.codes.bits == 0) return d * static_cast<int64_t>(element_bytes(kv));
  return d * run.codes.bits / 8 + 4 * (d / run.codes.group);  // a scale and a min for every `group` elements
}

void RowDecoder::begin(int n, int d, DType kv) {
  static const CpuLevel level = best_cpu_level();  // whatever the model uses: the bits are the same
  kernels_ = &code_kernels(level, kv);
  d_ = d;
  row_bytes_ = d * element_bytes(kv);
  const size_t floats = 2 * n * row_bytes_ / sizeof(float);
  if (floats > floats_) rows_ = float_buffer(floats_ = floats);
  next_key_ = reinterpret_cast<char*>(rows_.get());
  next_value_ = next_key_ + n * row_bytes_;
  key_scales_of_ = nullptr;
}

const void* RowDecoder::key(const Run& run, int row) {
  const uint16_t* scales = run.codes.k_scale + static_cast<size_t>(row / run.codes.group) * 2 * d_;
  if (scales != key_scales_of_) kernels_->from_f16(scales, 2 * d_, key_scales_);
  key_scales_of_ = scales;
  const void* decoded =
      decode(static_cast<const char*>(run.k) + row * (d_ * run.codes.bits / 8), run.codes.bits, key_scales_, next_key_);
  next_key_ += row_bytes_;
  return decoded;
}

const void* RowDecoder::value(const Run& run, int row) {
  const int groups = d_ / run.codes.group;
  kernels_->from_f16(run.codes.v_scale + static_cast<size_t>(row) * 2 * groups, 2 * groups, packed_);
  for (int i = 0; i < 2 * groups; i++) std::fill_n(value_scales_ + i * run.codes.group, run.codes.group, packed_[i]);
  const void* decoded = decode(static_cast<const char*>(run.v) + row * (d_ * run.codes.bits / 8), run.codes.bits,
                               value_scales_, next_value_);
  next_value_ += row_bytes_;
  return decoded;
}

const void* RowDecoder::decode(const void* codes, int bits, const float* scales, char* row) {
  kernels_->decode(static_cast<const uint8_t*>(codes), bits, scales, scales + d_, d_, row);
  return row;
}

}  // namespace rkv::cpu
