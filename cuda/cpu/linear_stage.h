// Weights on their way to f32: codes and scales of a group of blocks, whatever the type. For *.kernel.cpp only.
#pragma once

#include "cpu/weight_formats.h"

namespace rkv::cpu::RKV_ISA {

constexpr int kGroup = 256;  // weights of a full group: 8 blocks

/// Up to kGroup weights of one row: x = d * code + m.
struct Stage {
  alignas(64) uint8_t codes[kGroup];
  alignas(64) float d[16], m[16];

  /// Weights [k, k + kLanes), k a multiple of kLanes; 2^shift weights share a scale.
  F values(int k, int shift) const { return fma(codes_to_float(codes + k), set1(d[k >> shift]), set1(m[k >> shift])); }
};

/// log2 of the weights that share a scale.
template <class Q>
constexpr int kScaleShift = std::is_same_v<typename Q::S, S16> ? 4 : 5;

template <class Q, int G>
inline void stage_group(const uint8_t* p, Stage& stage) {
  typename Q::S d, m;
  Q::template scales<G>(p, d, m);
  if constexpr (Q::kSigned) m = mul8(d, _mm256_set1_ps(-128));
  store_scales(stage.d, d);
  store_scales(stage.m, m);
  for (int v = 0; v < (G + 1) / 2; v++) {
    Codes codes = Q::template codes<G>(p, v);
    if constexpr (Q::kSigned) codes = {to_unsigned(codes.lo), to_unsigned(codes.hi)};
    store_codes(stage.codes + 64 * v, codes);
  }
}

/// `blocks` <= 8 blocks of 32 weights at p.
template <class Q>
inline void stage_blocks(const uint8_t* p, int blocks, Stage& stage) {
  if (Q::kBlocks == 8 || blocks == 8) return stage_group<Q, 8>(p, stage);
  if constexpr (Q::kBlocks == 1) {
    switch (blocks) {
      case 1:
        return stage_group<Q, 1>(p, stage);
      case 2:
        return stage_group<Q, 2>(p, stage);
      case 3:
        return stage_group<Q, 3>(p, stage);
      case 4:
        return stage_group<Q, 4>(p, stage);
      case 5:
        return stage_group<Q, 5>(p, stage);
      case 6:
        return stage_group<Q, 6>(p, stage);
      case 7:
        return stage_group<Q, 7>(p, stage);
    }
  }
}

/// First byte of the k-th weight of a row; k a multiple of kGroup.
template <class Q>
inline const uint8_t* at(const uint8_t* row, int k) {
  return row + int64_t{k} / (32 * Q::kBlocks) * Q::kBytes;
}

}  // namespace rkv::cpu::RKV_ISA
