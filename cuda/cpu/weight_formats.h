// All types of weights by one name each, for code that is written once for them. For *.kernel.cpp only.
#pragma once

#include "cpu/quant_formats.h"

namespace rkv::cpu::RKV_ISA {

/// Rows of plain numbers: kLanes elements from the k-th on, or the last n < kLanes.
struct PlainF32 {
  static constexpr int kBytes = 4;
  static F load(const uint8_t* row, int k) { return RKV_ISA::load(reinterpret_cast<const float*>(row) + k); }
  static F load_n(const uint8_t* row, int k, int n) {
    return RKV_ISA::load_n(reinterpret_cast<const float*>(row) + k, n);
  }
};

template <F (*kLoad)(const uint16_t*)>
struct Plain16 {
  static constexpr int kBytes = 2;
  static F load(const uint8_t* row, int k) { return kLoad(reinterpret_cast<const uint16_t*>(row) + k); }
  static F load_n(const uint8_t* row, int k, int n) {
    uint16_t last[kLanes] = {};
    std::memcpy(last, row + 2 * k, 2 * static_cast<size_t>(n));
    return kLoad(last);
  }
};
using PlainF16 = Plain16<load_f16>;
using PlainBF16 = Plain16<load_bf16>;

template <class T>
concept Quantized = requires {
  typename T::S;
};

/// Call fn with the tag of a type.
template <class Fn>
inline void with_format(DType dtype, Fn&& fn) {
  switch (dtype) {
    case RKV_F32:
      return fn(PlainF32{});
    case RKV_F16:
      return fn(PlainF16{});
    case RKV_BF16:
      return fn(PlainBF16{});
    case RKV_Q8_0:
      return fn(Q8_0{});
    case RKV_Q4_0:
      return fn(Q4_0{});
    case RKV_Q4_1:
      return fn(Q4_1{});
    case RKV_Q5_0:
      return fn(Q5_0{});
    case RKV_Q5_1:
      return fn(Q5_1{});
    case RKV_Q4_K:
      return fn(Q4_K{});
    case RKV_Q5_K:
      return fn(Q5_K{});
    case RKV_Q6_K:
      return fn(Q6_K{});
  }
}

}  // namespace rkv::cpu::RKV_ISA
