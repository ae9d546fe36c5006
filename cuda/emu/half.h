// bf16 and f16 and their pairs. Arithmetic goes through f32 and the functions below; operators are deleted, because
// CUDA's round to 16 bits after each one.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "emu/vector_types.h"

struct __nv_bfloat16 {
  uint16_t bits;
  __nv_bfloat16() = default;
  __nv_bfloat16(float x) {  // to nearest, ties to even; NaN stays NaN
    const uint32_t u = std::bit_cast<uint32_t>(x);
    bits = std::isnan(x) ? 0x7fff : static_cast<uint16_t>((u + 0x7fff + (u >> 16 & 1)) >> 16);
  }
  operator float() const { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }
};
struct __half {
  uint16_t bits;
  __half() = default;
  __half(float x) : bits(std::bit_cast<uint16_t>(static_cast<_Float16>(x))) {}
  operator float() const { return static_cast<float>(std::bit_cast<_Float16>(bits)); }
};
struct alignas(4) __nv_bfloat162 {
  __nv_bfloat16 x, y;
};
struct alignas(4) __half2 {
  __half x, y;
};
using half = __half;
using half2 = __half2;

__nv_bfloat16 operator+(__nv_bfloat16, __nv_bfloat16) = delete;
__nv_bfloat16 operator-(__nv_bfloat16, __nv_bfloat16) = delete;
__nv_bfloat16 operator*(__nv_bfloat16, __nv_bfloat16) = delete;
__nv_bfloat16 operator/(__nv_bfloat16, __nv_bfloat16) = delete;
__half operator+(__half, __half) = delete;
__half operator-(__half, __half) = delete;
__half operator*(__half, __half) = delete;
__half operator/(__half, __half) = delete;

inline float __bfloat162float(__nv_bfloat16 x) { return x; }
inline __nv_bfloat16 __float2bfloat16(float x) { return x; }
inline __nv_bfloat16 __float2bfloat16_rn(float x) { return x; }
inline __nv_bfloat162 __floats2bfloat162_rn(float x, float y) { return {x, y}; }
inline __nv_bfloat162 __float22bfloat162_rn(float2 v) { return {v.x, v.y}; }
inline float2 __bfloat1622float2(__nv_bfloat162 v) { return {v.x, v.y}; }
inline unsigned short __bfloat16_as_ushort(__nv_bfloat16 x) { return x.bits; }
inline __nv_bfloat16 __ushort_as_bfloat16(unsigned short bits) { return std::bit_cast<__nv_bfloat16>(bits); }

inline float __half2float(__half x) { return x; }
inline __half __float2half(float x) { return x; }
inline __half __float2half_rn(float x) { return x; }
inline __half2 __floats2half2_rn(float x, float y) { return {x, y}; }
inline __half2 __float22half2_rn(float2 v) { return {v.x, v.y}; }
inline float2 __half22float2(__half2 v) { return {v.x, v.y}; }
inline unsigned short __half_as_ushort(__half x) { return x.bits; }
inline __half __ushort_as_half(unsigned short bits) { return std::bit_cast<__half>(bits); }
inline __half2 __half2half2(__half x) { return {x, x}; }
inline __nv_bfloat162 __bfloat162bfloat162(__nv_bfloat16 x) { return {x, x}; }
inline float __low2float(__half2 v) { return v.x; }
inline float __high2float(__half2 v) { return v.y; }
inline float __low2float(__nv_bfloat162 v) { return v.x; }
inline float __high2float(__nv_bfloat162 v) { return v.y; }

// One rounding each. The product of two 16-bit floats is exact in f32; a sum of three terms is rounded from f64.
namespace rkv::emu {
inline float fused(float a, float b, float c) { return static_cast<float>(static_cast<double>(a) * b + c); }
}  // namespace rkv::emu
inline __half2 __hadd2(__half2 a, __half2 b) { return {float(a.x) + float(b.x), float(a.y) + float(b.y)}; }
inline __half2 __hsub2(__half2 a, __half2 b) { return {float(a.x) - float(b.x), float(a.y) - float(b.y)}; }
inline __half2 __hmul2(__half2 a, __half2 b) { return {float(a.x) * float(b.x), float(a.y) * float(b.y)}; }
inline __half2 __hfma2(__half2 a, __half2 b, __half2 c) {
  return {rkv::emu::fused(a.x, b.x, c.x), rkv::emu::fused(a.y, b.y, c.y)};
}
inline __nv_bfloat162 __hadd2(__nv_bfloat162 a, __nv_bfloat162 b) {
  return {float(a.x) + float(b.x), float(a.y) + float(b.y)};
}
inline __nv_bfloat162 __hmul2(__nv_bfloat162 a, __nv_bfloat162 b) {
  return {float(a.x) * float(b.x), float(a.y) * float(b.y)};
}
inline __nv_bfloat162 __hfma2(__nv_bfloat162 a, __nv_bfloat162 b, __nv_bfloat162 c) {
  return {rkv::emu::fused(a.x, b.x, c.x), rkv::emu::fused(a.y, b.y, c.y)};
}
inline __nv_bfloat162 __hmin2(__nv_bfloat162 a, __nv_bfloat162 b) { return {fminf(a.x, b.x), fminf(a.y, b.y)}; }
inline __nv_bfloat162 __hmax2(__nv_bfloat162 a, __nv_bfloat162 b) { return {fmaxf(a.x, b.x), fmaxf(a.y, b.y)}; }
