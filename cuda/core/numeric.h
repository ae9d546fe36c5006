// Element types and their conversions, scalar: the reference for every vectorised form.
#pragma once

#include <cstdint>
#include <cstring>

#include "rocketkv.h"

namespace rkv {

using DType = rkv_dtype;

inline float bf16_to_f32(uint16_t x) {
  const uint32_t bits = uint32_t{x} << 16;
  float out;
  std::memcpy(&out, &bits, 4);
  return out;
}

/// Round to nearest, ties to even; NaN stays NaN.
inline uint16_t f32_to_bf16(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>((bits >> 16) | 0x40);
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

inline float f16_to_f32(uint16_t x) {
  const uint32_t sign = uint32_t{x & 0x8000u} << 16;
  uint32_t exponent = (x >> 10) & 31u, mantissa = x & 0x3ffu;
  uint32_t bits;
  if (exponent == 31) {
    bits = sign | 0x7f800000u | (mantissa << 13);
  } else if (exponent != 0) {
    bits = sign | ((exponent + 112) << 23) | (mantissa << 13);
  } else if (mantissa == 0) {
    bits = sign;
  } else {
    exponent = 113;
    while ((mantissa & 0x400u) == 0) mantissa <<= 1, --exponent;
    bits = sign | (exponent << 23) | ((mantissa & 0x3ffu) << 13);
  }
  float out;
  std::memcpy(&out, &bits, 4);
  return out;
}

/// Elements that share one quantisation block; 1 for plain types.
constexpr int block_elements(DType t) {
  switch (t) {
    case RKV_F32:
    case RKV_F16:
    case RKV_BF16:
      return 1;
    case RKV_Q4_K:
    case RKV_Q5_K:
    case RKV_Q6_K:
      return 256;
    default:
      return 32;
  }
}

/// Bytes of one block in the GGUF layout.
constexpr int block_bytes(DType t) {
  switch (t) {
    case RKV_F32:
      return 4;
    case RKV_F16:
    case RKV_BF16:
      return 2;
    case RKV_Q8_0:
      return 34;
    case RKV_Q4_0:
      return 18;
    case RKV_Q4_1:
      return 20;
    case RKV_Q5_0:
      return 22;
    case RKV_Q5_1:
      return 24;
    case RKV_Q4_K:
      return 144;
    case RKV_Q5_K:
      return 176;
    case RKV_Q6_K:
      return 210;
  }
  return 0;
}

constexpr int64_t row_bytes(DType t, int64_t cols) { return cols / block_elements(t) * block_bytes(t); }

constexpr const char* dtype_name(DType t) {
  constexpr const char* names[] = {"f32",  "f16",  "bf16", "q8_0", "q4_0", "q4_1",
                                   "q5_0", "q5_1", "q4_k", "q5_k", "q6_k"};
  return names[t];
}

/// A matrix as it lies in its file, [rows, cols] = [out, in], row-major; a vector is [1, n].
struct Weight {
  DType dtype = RKV_F32;
  int rows = 0, cols = 0;
  const uint8_t* data = nullptr;  // CPU: mapped file bytes; CUDA: device memory
  int64_t bytes() const { return row_bytes(dtype, cols) * rows; }
};

}  // namespace rkv
