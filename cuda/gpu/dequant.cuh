// Packed weights (weight_layout.h) on their way to f32: one struct per type, for code that is written once for all.
//
// A format hands out units: kUnit weights of a row that one lane takes at a time.
//   Unit                      a unit as it was loaded: 16 bytes of codes, or 32 for Q8_0, and what belongs to them
//   load(w, at)               at: see PackedWeight
//   scales(unit, at)          d and m of weights 0-15, then 16-31; nothing for plain types
//   values(unit, j, scales)   weights 4j to 4j + 3: x = d * code + m
//
// A code of up to six bits is put behind the leading one of a float's mantissa, 1 + code / 2^bits: one byte permutation
// instead of a conversion that takes four times as long. The one and the power of two are in d and m, which is exact
// where m is a multiple of d, and a rounding of 2^-24 * 2^bits * d elsewhere.
#pragma once

#include <type_traits>

#include "gpu/intrinsics.h"
#include "gpu/weight_layout.h"

namespace rkv::gpu {

__device__ __forceinline__ float f16_bits(uint32_t bits) {
  return __half2float(__ushort_as_half(static_cast<unsigned short>(bits)));
}

/// Component i of a vector, i known to the compiler.
__device__ __forceinline__ uint32_t word(const uint4& v, int i) {
  return i == 0 ? v.x : i == 1 ? v.y : i == 2 ? v.z : v.w;
}

struct Scales {
  float d[2], m[2];
};

/// f32, f16 and bf16 rows.
template <class T>
struct Plain {
  static constexpr int kUnit = 16 / static_cast<int>(sizeof(T));
  using Unit = uint4;

  static __device__ __forceinline__ Unit load(const PackedWeight& w, uint32_t at) {
    return load_stream(reinterpret_cast<const uint4*>(w.plane[kCodes]) + at);
  }
  static __device__ __forceinline__ Scales scales(const Unit&, uint32_t) { return {}; }
  static __device__ __forceinline__ float4 values(const Unit& unit, int j, const Scales&) {
    if constexpr (sizeof(T) == 4) {
      return make_float4(__uint_as_float(unit.x), __uint_as_float(unit.y), __uint_as_float(unit.z),
                         __uint_as_float(unit.w));
    } else {
      const uint32_t a = word(unit, 2 * j), b = word(unit, 2 * j + 1);
      return make_float4(low(a), high(a), low(b), high(b));
    }
  }

 private:
  static __device__ __forceinline__ float low(uint32_t pair) {
    if constexpr (std::is_same_v<T, bf16>) return bf16_low(pair);
    return f16_bits(pair & 0xffff);
  }
  static __device__ __forceinline__ float high(uint32_t pair) {
    if constexpr (std::is_same_v<T, bf16>) return bf16_high(pair);
    return f16_bits(pair >> 16);
  }
};

/// A block of any quantised type. Formats leave alone what they do not have.
struct QuantUnit {
  uint4 codes, more_codes;
  uint2 high;
  uint4 scales;
};

/// Q8_0 to Q6_K.
template <DType kType>
struct Quant {
  static constexpr int kUnit = kBlock;
  using Unit = QuantUnit;

  static __device__ __forceinline__ Unit load(const PackedWeight& w, uint32_t at) {
    Unit unit = {};
    unit.codes = load_stream(reinterpret_cast<const uint4*>(w.plane[kCodes]) + at);
    if constexpr (kType == RKV_Q8_0) unit.more_codes = load_stream(reinterpret_cast<const uint4*>(w.plane[kHigh]) + at);
    if constexpr (kHighBits == 1) unit.high.x = load_stream(reinterpret_cast<const uint32_t*>(w.plane[kHigh]) + at);
    if constexpr (kHighBits == 2) unit.high = load_stream(reinterpret_cast<const uint2*>(w.plane[kHigh]) + at);
    if constexpr (kSuper) {
      unit.scales = __ldg(reinterpret_cast<const uint4*>(w.plane[kScales]) + at / 8);
    } else if constexpr (kHasMin) {
      unit.scales.x = __ldg(reinterpret_cast<const uint32_t*>(w.plane[kScales]) + at);
    } else {
      unit.scales.x = __ldg(reinterpret_cast<const unsigned short*>(w.plane[kScales]) + at);
    }
    if constexpr (kTwoScales) unit.scales.y = __ldg(reinterpret_cast<const unsigned short*>(w.plane[kUnits]) + at / 8);
    return unit;
  }

  static __device__ __forceinline__ Scales scales(const Unit& unit, uint32_t at) {
    if constexpr (kSuper) {
      const uint32_t j = at % 8, by = 8 * (j % 4);
      const uint32_t a = unit.scales.y >> by, b = unit.scales.z >> by, c = unit.scales.w >> by;
      const uint32_t scale = j < 4 ? a & 63 : (c & 15) | (a >> 6 & 3) << 4;
      const uint32_t min = j < 4 ? b & 63 : (c >> 4 & 15) | (b >> 6 & 3) << 4;
      const float d = __fmul_rn(f16_bits(unit.scales.x & 0xffff), static_cast<float>(static_cast<int>(scale)));
      return with_min(d, -__fmul_rn(f16_bits(unit.scales.x >> 16), static_cast<float>(static_cast<int>(min))));
    } else if constexpr (kTwoScales) {
      const float d = f16_bits(unit.scales.y);
      const auto scale = [&](uint32_t byte) {
        return __fmul_rn(d, static_cast<float>(static_cast<int>(static_cast<signed char>(byte))));
      };
      const float first = scale(unit.scales.x & 255), second = scale(unit.scales.x >> 8);
      return {{first * kPower, second * kPower}, {first * kZero, second * kZero}};
    } else if constexpr (kHasMin) {
      return with_min(f16_bits(unit.scales.x & 0xffff), f16_bits(unit.scales.x >> 16));
    } else {
      const float d = f16_bits(unit.scales.x);
      if constexpr (kType == RKV_Q8_0) return {{d, d}, {0, 0}};
      return {{d * kPower, d * kPower}, {d * kZero, d * kZero}};
    }
  }

  static __device__ __forceinline__ float4 values(const Unit& unit, int j, const Scales& scales) {
    const uint32_t q = codes(unit, j);
    const float d = scales.d[j / 4], m = scales.m[j / 4];
    return make_float4(fmaf(value<0>(q), d, m), fmaf(value<1>(q), d, m), fmaf(value<2>(q), d, m),
                       fmaf(value<3>(q), d, m));
  }

 private:
  static constexpr bool kSuper = kType == RKV_Q4_K || kType == RKV_Q5_K;
  static constexpr bool kHasMin = kType == RKV_Q4_1 || kType == RKV_Q5_1;  // f16 like d
  static constexpr bool kTwoScales = kType == RKV_Q6_K;
  static constexpr bool kFiveBits = kType == RKV_Q5_0 || kType == RKV_Q5_1 || kType == RKV_Q5_K;
  static constexpr int kHighBits = kType == RKV_Q6_K ? 2 : kFiveBits ? 1 : 0;
  static constexpr int kBits = 4 + kHighBits;
  static constexpr float kPower = 1 << kBits;
  /// m / d without a minimum: codes are centred, and values begin at one.
  static constexpr float kZero = -kPower - (1 << (kBits - 1));

  static __device__ __forceinline__ Scales with_min(float d, float m) {
    const float zero = fmaf(d, -kPower, m);
    return {{d * kPower, d * kPower}, {zero, zero}};
  }

  /// Four codes, one per byte: at bits 6 and down below a set bit 7, or whole bytes.
  static __device__ __forceinline__ uint32_t codes(const Unit& unit, int j) {
    if constexpr (kType == RKV_Q8_0) {
      return word(j < 4 ? unit.codes : unit.more_codes, j % 4);
    } else {
      constexpr int kShift = 7 - kBits;
      const uint32_t four = word(unit.codes, j % 4);
      uint32_t q = ((j < 4 ? four << kShift : four >> (4 - kShift)) & (0x0f0f0f0fu << kShift)) | 0x80808080u;
      if constexpr (kHighBits > 0) {
        // The upper bits, which lie at bit `from` of every byte.
        const uint32_t high = kHighBits == 2 && j >= 4 ? unit.high.y : unit.high.x;
        const int from = kHighBits == 2 ? 2 * (j % 4) : j, to = 7 - kHighBits;
        q |= (from <= to ? high << (to - from) : high >> (from - to)) & (kHighBits == 2 ? 0x60606060u : 0x40404040u);
      }
      return q;
    }
  }

  template <int kByte>
  static __device__ __forceinline__ float value(uint32_t codes) {
    if constexpr (kType == RKV_Q8_0) {
      constexpr float kMiddle = 8388608.0f + 128.0f;  // 2^23 has its last bit where the byte's is
      return __uint_as_float(__byte_perm(codes, 0x4b000000u, 0x7440 + kByte)) - kMiddle;
    } else {
      return __uint_as_float(__byte_perm(codes, 0x3f000000u, 0x7044 + 0x100 * kByte));
    }
  }
};

/// fn(format) for the format of a type.
template <class Fn>
__device__ __forceinline__ void with_format(DType dtype, Fn&& fn) {
  switch (dtype) {
    case RKV_F32:
      return fn(Plain<float>{});
    case RKV_F16:
      return fn(Plain<f16>{});
    case RKV_BF16:
      return fn(Plain<bf16>{});
    case RKV_Q8_0:
      return fn(Quant<RKV_Q8_0>{});
    case RKV_Q4_0:
      return fn(Quant<RKV_Q4_0>{});
    case RKV_Q4_1:
      return fn(Quant<RKV_Q4_1>{});
    case RKV_Q5_0:
      return fn(Quant<RKV_Q5_0>{});
    case RKV_Q5_1:
      return fn(Quant<RKV_Q5_1>{});
    case RKV_Q4_K:
      return fn(Quant<RKV_Q4_K>{});
    case RKV_Q5_K:
      return fn(Quant<RKV_Q5_K>{});
    case RKV_Q6_K:
      return fn(Quant<RKV_Q6_K>{});
  }
}

}  // namespace rkv::gpu
