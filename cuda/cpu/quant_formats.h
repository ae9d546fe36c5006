// How every quantised type becomes vectors of codes and scales: for *.kernel.cpp only.
//
// All types are x = d * code + m here, with d and m for 32 weights (16 for Q6_K). A type has
//   scales<G>(p, d, m)  of the group of G blocks at p, compact; lanes of blocks that do not exist are 0
//   codes<G>(p, v)      v-th pair of the group; a pair whose second block does not exist has the first one twice
//   kSigned             codes are int8 and m is 0; else they are uint8
// A type with blocks of 256 has groups of 8 only. Nothing outside the G blocks is read.
#pragma once

#include <algorithm>
#include <type_traits>

#include "cpu/quant_blocks.h"
#include "cpu/quant_vec.h"

namespace rkv::cpu::RKV_ISA {

/// G f16 numbers that lie `stride` bytes apart.
template <int G>
inline S8 gather_f16(const uint8_t* p, int stride) {
  uint16_t half[8] = {};
  for (int i = 0; i < G; i++) std::memcpy(&half[i], p + i * stride, 2);
  return _mm256_cvtph_ps(_mm_setr_epi16(half[0], half[1], half[2], half[3], half[4], half[5], half[6], half[7]));
}

/// The two f16 numbers, d and m, at the start of each of G blocks.
template <int G>
inline void gather_f16_pairs(const uint8_t* p, int stride, S8& d, S8& m) {
  int both[8] = {};
  for (int i = 0; i < G; i++) std::memcpy(&both[i], p + i * stride, 4);
  // In an order that two shuffles within 128 bits undo.
  const S8 a = _mm256_cvtph_ps(_mm_setr_epi32(both[0], both[1], both[4], both[5]));
  const S8 b = _mm256_cvtph_ps(_mm_setr_epi32(both[2], both[3], both[6], both[7]));
  d = _mm256_shuffle_ps(a, b, 0x88);
  m = _mm256_shuffle_ps(a, b, 0xdd);
}

/// Q8_0 to Q5_1: blocks of 32 that start with d, then m if they have one.
template <class Block, int kOffset, bool kHasMin>
struct Blocks32 {
  using S = S8;
  static constexpr bool kSigned = false;
  static constexpr int kBlocks = 1, kBytes = sizeof(Block);

  template <int G>
  static void scales(const uint8_t* p, S8& d, S8& m) {
    if constexpr (kHasMin) {
      gather_f16_pairs<G>(p, kBytes, d, m);
    } else {
      d = gather_f16<G>(p, kBytes);
      m = mul8(d, _mm256_set1_ps(-kOffset));
    }
  }

 protected:
  template <int G>
  static const Block& block(const uint8_t* p, int i) {
    return reinterpret_cast<const Block*>(p)[std::min(i, G - 1)];
  }
};

struct Q8_0 : Blocks32<BlockQ8_0, 128, false> {
  template <int G>
  static Codes codes(const uint8_t* p, int v) {
    const BlockQ8_0 &a = block<G>(p, 2 * v), &b = block<G>(p, 2 * v + 1);
    const Codes codes = {load_halves(a.q, b.q), load_halves(a.q + 16, b.q + 16)};
#ifdef __AVX512F__
    return {to_unsigned(codes.lo), to_unsigned(codes.hi)};
#else
    return codes;
#endif
  }
#ifndef __AVX512F__
  static constexpr bool kSigned = true;
  template <int G>
  static void scales(const uint8_t* p, S8& d, S8& m) {
    d = gather_f16<G>(p, kBytes);
    m = _mm256_setzero_ps();
  }
#endif
};

template <class Block, int kOffset, bool kHasMin>
struct FourBits : Blocks32<Block, kOffset, kHasMin> {
  template <int G>
  static Codes codes(const uint8_t* p, int v) {
    const __m256i q = load_halves(FourBits::template block<G>(p, 2 * v).q, FourBits::template block<G>(p, 2 * v + 1).q);
    return {low4(q), high4(q)};
  }
};
using Q4_0 = FourBits<BlockQ4_0, 8, false>;
using Q4_1 = FourBits<BlockQ4_1, 0, true>;

template <class Block, int kOffset, bool kHasMin>
struct FiveBits : Blocks32<Block, kOffset, kHasMin> {
  template <int G>
  static Codes codes(const uint8_t* p, int v) {
    const Block &a = FiveBits::template block<G>(p, 2 * v), &b = FiveBits::template block<G>(p, 2 * v + 1);
    const __m256i q = load_halves(a.q, b.q);
    int high_a, high_b;
    std::memcpy(&high_a, a.high, 4);
    std::memcpy(&high_b, b.high, 4);
    // Every byte of lo gets the byte of `high` that has its bit, the first or the second; of hi, the third or fourth.
    const __m256i high = _mm256_set_m128i(_mm_set1_epi32(high_b), _mm_set1_epi32(high_a));
    const __m256i byte = _mm256_broadcastsi128_si256(_mm_set_epi64x(0x0101010101010101, 0));
    const __m256i bit = _mm256_set1_epi64x(static_cast<int64_t>(0x8040201008040201u));
    return {add_fifth(low4(q), _mm256_shuffle_epi8(high, byte), bit),
            add_fifth(high4(q), _mm256_shuffle_epi8(high, _mm256_add_epi8(byte, _mm256_set1_epi8(2))), bit)};
  }
};
using Q5_0 = FiveBits<BlockQ5_0, 16, false>;
using Q5_1 = FiveBits<BlockQ5_1, 0, true>;

inline S8 u8_to_scales(uint64_t eight) {
  return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_cvtsi64_si128(static_cast<int64_t>(eight))));
}

/// Q4_K and Q5_K: 6-bit scales and mins of 8 sub-blocks, see BlockQ4_K.
template <class Block>
struct Blocks256 {
  using S = S8;
  static constexpr bool kSigned = false;
  static constexpr int kBlocks = 8, kBytes = sizeof(Block);

  template <int G>
  static void scales(const uint8_t* p, S8& d, S8& m) {
    static_assert(G == 8);
    const auto* block = reinterpret_cast<const Block*>(p);
    uint32_t u[3];
    std::memcpy(u, block->scales, 12);
    constexpr uint32_t k6 = 0x3f3f3f3f, k4 = 0x0f0f0f0f, k2 = 0x03030303;
    const uint32_t upper_scales = (u[2] & k4) | (u[0] >> 6 & k2) << 4;
    const uint32_t upper_mins = (u[2] >> 4 & k4) | (u[1] >> 6 & k2) << 4;
    d = mul8(_mm256_set1_ps(_cvtsh_ss(block->d)), u8_to_scales((u[0] & k6) | uint64_t{upper_scales} << 32));
    m = mul8(_mm256_set1_ps(-_cvtsh_ss(block->dmin)), u8_to_scales((u[1] & k6) | uint64_t{upper_mins} << 32));
  }

 protected:
  /// Block A of a pair is in the lower, B in the upper halves of 32 bytes.
  static __m256i nibbles(const uint8_t* q) {
    return low4(_mm256_srlv_epi32(load_twice(q), _mm256_setr_epi32(0, 0, 0, 0, 4, 4, 4, 4)));
  }
};

struct Q4_K : Blocks256<BlockQ4_K> {
  template <int G>
  static Codes codes(const uint8_t* p, int v) {
    const uint8_t* q = reinterpret_cast<const BlockQ4_K*>(p)->q + 32 * v;
    return {nibbles(q), nibbles(q + 16)};
  }
};

struct Q5_K : Blocks256<BlockQ5_K> {
  template <int G>
  static Codes codes(const uint8_t* p, int v) {
    const auto* block = reinterpret_cast<const BlockQ5_K*>(p);
    const uint8_t* q = block->q + 32 * v;
    const __m256i bit = set_halves(static_cast<uint8_t>(1 << 2 * v), static_cast<uint8_t>(2 << 2 * v));
    return {add_fifth(nibbles(q), load_twice(block->high), bit),
            add_fifth(nibbles(q + 16), load_twice(block->high + 16), bit)};
  }
};

struct Q6_K {
  using S = S16;
  static constexpr bool kSigned = false;
  static constexpr int kBlocks = 8, kBytes = sizeof(BlockQ6_K);

  template <int G>
  static void scales(const uint8_t* p, S16& d, S16& m) {
    static_assert(G == 8);
    const auto* block = reinterpret_cast<const BlockQ6_K*>(p);
    const S8 unit = _mm256_set1_ps(_cvtsh_ss(block->d)), offset = _mm256_set1_ps(-32);
    const __m128i s = load16(block->scales);
    d = {mul8(unit, _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(s))),
         mul8(unit, _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128(s, 8))))};
    m = mul8(d, {offset, offset});
  }

  // See BlockQ6_K: a pair's blocks are 32 bytes apart in `low` and two bits apart in `high`.
  template <int G>
  static Codes codes(const uint8_t* p, int v) {
    const auto* block = reinterpret_cast<const BlockQ6_K*>(p);
    const auto half = [&](int i) {
      const uint8_t *low = block->low + 64 * (v / 2) + i, *high = block->high + 32 * (v / 2) + i;
      const __m256i four = load_halves(low, low + 32), two = load_twice(high);
      // Shifts bring the two bits of every byte to its bits 4-5; what else moves is masked off.
      const __m256i moved = v % 2 == 0 ? _mm256_sllv_epi32(two, _mm256_setr_epi32(4, 4, 4, 4, 2, 2, 2, 2))
                                       : _mm256_srlv_epi32(two, _mm256_setr_epi32(0, 0, 0, 0, 2, 2, 2, 2));
      return _mm256_or_si256(v % 2 == 0 ? low4(four) : high4(four), _mm256_and_si256(moved, _mm256_set1_epi8(48)));
    };
    return {half(0), half(16)};
  }
};

}  // namespace rkv::cpu::RKV_ISA
