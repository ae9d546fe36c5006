// Rows of the KV cache in pieces of 16 bytes, whatever the KV dtype.
#pragma once

#include "core/numeric.h"
#include "gpu/intrinsics.h"

namespace rkv::gpu {

template <class T>
struct KvPiece;

template <>
struct KvPiece<float> {
  static constexpr int kSize = 4;  // elements
  static __device__ __forceinline__ void unpack(const uint4& v, float (&x)[kSize]) {
    x[0] = __uint_as_float(v.x), x[1] = __uint_as_float(v.y), x[2] = __uint_as_float(v.z), x[3] = __uint_as_float(v.w);
  }
  /// Of eight elements those from `at` on: 0 or 4.
  static __device__ __forceinline__ uint4 pack(const float (&x)[8], int at) {
    return at == 0
               ? make_uint4(__float_as_uint(x[0]), __float_as_uint(x[1]), __float_as_uint(x[2]), __float_as_uint(x[3]))
               : make_uint4(__float_as_uint(x[4]), __float_as_uint(x[5]), __float_as_uint(x[6]), __float_as_uint(x[7]));
  }
};

template <>
struct KvPiece<bf16> {
  static constexpr int kSize = 8;
  static __device__ __forceinline__ void unpack(const uint4& v, float (&x)[kSize]) {
    x[0] = bf16_low(v.x), x[1] = bf16_high(v.x), x[2] = bf16_low(v.y), x[3] = bf16_high(v.y);
    x[4] = bf16_low(v.z), x[5] = bf16_high(v.z), x[6] = bf16_low(v.w), x[7] = bf16_high(v.w);
  }
  static __device__ __forceinline__ uint4 pack(const float (&x)[8], int) {
    return make_uint4(pack_bf16(x[0], x[1]), pack_bf16(x[2], x[3]), pack_bf16(x[4], x[5]), pack_bf16(x[6], x[7]));
  }
};

/// The number of query heads that a kernel is compiled for: a power of two up to 8, larger groups in portions of 8.
constexpr int kMostHeads = 8;
constexpr int padded_heads(int heads) {
  int padded = 1;
  while (padded < heads && padded < kMostHeads) padded *= 2;
  return padded;
}

}  // namespace rkv::gpu
