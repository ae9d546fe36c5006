// How every quantised type becomes vectors of codes and scales: for *.kernel.cpp only.
//
// All types are x = d * code + m here, with d and m for 32 weights (16 for Q6_K). A type has
//   scales<G>(p, d, m)  of the group of G blocks at p, compact; lanes of blocks that do not exist are 0
//   codes<G>(p, v)      v-th vector of the group; a vector whose second block does not exist repeats the first
//   kSigned             codes are int8 and m is 0; else they are uint8
// A type with blocks of 256 has groups of 8 only. Nothing outside the G blocks is read.
#pragma once

#include <algorithm>

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

/// Q8_0 to Q5_1: blocks of 32 that start with d, then m if they have one.
template <class Block, int kOffset, bool kHasMin = false>
struct Legacy {
  using S = S8;
  static constexpr bool kSigned = false;
  static constexpr int kBlocks = 1, kBytes = sizeof(Block);

  template <int G>
  static void scales(const uint8_t* p, S8& d, S8& m) {
    d = gather_f16<G>(p, kBytes);
    m = kHasMin ? gather_f16<G>(p + 2, kBytes) : mul(d, _mm256_set1_ps(-kOffset));
  }

  /// make(first, second) for the blocks of vector v.
  template <int G, class Make>
  static Codes of(const uint8_t* p, int v, Make make) {
    constexpr int n = kCodes / 32;
    const auto* block = reinterpret_cast<const Block*>(p);
    return make(block[v * n], block[std::min(v * n + n, G) - 1]);
  }
};

struct Q8_0 : Legacy<BlockQ8_0, 128> {
#ifdef __AVX512F__
  template <int G>
  static Codes codes(const uint8_t* p, int v) {  // vpdpbusd wants unsigned weights: code + 128
    return of<G>(p, v, [](const BlockQ8_0& a, const BlockQ8_0& b) { return to_unsigned(bytes(a.q, b.q)); });
  }
#else
  static constexpr bool kSigned = true;
  template <int G>
  static void scales(const uint8_t* p, S8& d, S8& m) {
    d = gather_f16<G>(p, kBytes);
    m = _mm256_setzero_ps();
  }
  template <int G>
  static Codes codes(const uint8_t* p, int v) {
    return of<G>(p, v, [](const BlockQ8_0& a, const BlockQ8_0& b) { return bytes(a.q, b.q); });
  }
#endif
};

template <class Block, int kOffset, bool kHasMin>
struct Nibbles : Legacy<Block, kOffset, kHasMin> {
  template <int G>
  static Codes codes(const uint8_t* p, int v) {
    return Nibbles::template of<G>(p, v, [](const Block& a, const Block& b) { return nibbles16(a.q, b.q); });
  }
};
using Q4_0 = Nibbles<BlockQ4_0, 8, false>;
using Q4_1 = Nibbles<BlockQ4_1, 0, true>;

template <class Block, int kOffset, bool kHasMin>
struct FiveBits : Legacy<Block, kOffset, kHasMin> {
  template <int G>
  static Codes codes(const uint8_t* p, int v) {
    return FiveBits::template of<G>(
        p, v, [](const Block& a, const Block& b) { return add_fifth(nibbles16(a.q, b.q), a.high, b.high); });
  }
};
using Q5_0 = FiveBits<BlockQ5_0, 16, false>;
using Q5_1 = FiveBits<BlockQ5_1, 0, true>;

inline S8 u8_to_scales(uint64_t eight) {
  return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_cvtsi64_si128(static_cast<int64_t>(eight))));
}

/// Q4_K and Q5_K: 6-bit scales and mins of 8 sub-blocks, see BlockQ4_K.
template <class Block>
struct Super {
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
    d = mul(_mm256_set1_ps(_cvtsh_ss(block->d)), u8_to_scales((u[0] & k6) | uint64_t{upper_scales} << 32));
    m = mul(_mm256_set1_ps(-_cvtsh_ss(block->dmin)), u8_to_scales((u[1] & k6) | uint64_t{upper_mins} << 32));
  }
};

struct Q4_K : Super<BlockQ4_K> {
  template <int G>
  static Codes codes(const uint8_t* p, int v) {
    return nibbles32(reinterpret_cast<const BlockQ4_K*>(p)->q, v);
  }
};

struct Q5_K : Super<BlockQ5_K> {
  template <int G>
  static Codes codes(const uint8_t* p, int v) {
    const auto* block = reinterpret_cast<const BlockQ5_K*>(p);
    return add_fifth_of(nibbles32(block->q, v), block->high, v);
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
    const float unit = _cvtsh_ss(block->d);
    alignas(64) float scale[16];
    const __m128i s = load16(block->scales);
    for (int i = 0; i < 2; i++)
      _mm256_store_ps(scale + 8 * i,
                      _mm256_mul_ps(_mm256_set1_ps(unit),
                                    _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(i == 0 ? s : _mm_srli_si128(s, 8)))));
    load_scales(scale, d);
    for (float& x : scale) x *= -32;
    load_scales(scale, m);
  }

  // Vectors run over elements in order: see BlockQ6_K for where their bits are.
  template <int G>
  static Codes codes(const uint8_t* p, int v) {
    const auto* block = reinterpret_cast<const BlockQ6_K*>(p);
#ifdef __AVX512F__
    const int half = v / 2;
    __m512i low = _mm512_loadu_si512(block->low + 64 * half);
    if (v % 2 == 1) low = _mm512_srli_epi32(low, 4);
    // Rotations bring the two bits of every byte to its bits 4-5; what else moves is masked off.
    const __m512i turn = v % 2 == 0 ? _mm512_setr_epi32(4, 4, 4, 4, 4, 4, 4, 4, 2, 2, 2, 2, 2, 2, 2, 2)
                                    : _mm512_setr_epi32(0, 0, 0, 0, 0, 0, 0, 0, 30, 30, 30, 30, 30, 30, 30, 30);
    const __m512i high = _mm512_rolv_epi32(_mm512_broadcast_i64x4(load32(block->high + 32 * half)), turn);
    return _mm512_or_si512(_mm512_and_si512(low, _mm512_set1_epi8(15)), _mm512_and_si512(high, _mm512_set1_epi8(48)));
#else
    const int half = v / 4, quarter = v % 4;
    __m256i low = load32(block->low + 64 * half + 32 * (quarter % 2));
    if (quarter >= 2) low = _mm256_srli_epi32(low, 4);
    const __m256i bits = _mm256_srli_epi32(load32(block->high + 32 * half), 2 * quarter);
    const __m256i high = _mm256_slli_epi32(_mm256_and_si256(bits, _mm256_set1_epi8(3)), 4);
    return _mm256_or_si256(_mm256_and_si256(low, _mm256_set1_epi8(15)), high);
#endif
  }
};

/// Rows of plain numbers: k-th elements on, and the last `n` of a row that are no whole vector.
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

/// fn(tag) with the tag of a quantised type, or of a plain one.
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

template <class T>
concept Quantized = requires {
  typename T::S;
};

}  // namespace rkv::cpu::RKV_ISA
