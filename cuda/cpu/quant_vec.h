// Vectors of weight codes and of their scales, on top of vec.h: for *.kernel.cpp only.
//
// A group is up to 8 blocks of 32 weights. Its scales are kept compact, one lane for a block (S8) or for 16 weights
// (S16): so they are multiplied with the activations' scales, and only then spread over the lanes of dot products.
#pragma once

#include "cpu/vec.h"

namespace rkv::cpu::RKV_ISA {

using S8 = __m256;
inline __m128i load16(const void* p) { return _mm_loadu_si128(static_cast<const __m128i*>(p)); }
inline __m256i load32(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }

#ifdef __AVX512F__

constexpr int kCodes = 64;  // weights in one vector of codes: two blocks
using Codes = __m512i;
using S16 = __m512;
inline void load_scales(const float* p, S8& s) { s = _mm256_loadu_ps(p); }
inline void load_scales(const float* p, S16& s) { s = _mm512_loadu_ps(p); }
inline void store_scales(float* p, S8 s) { _mm256_storeu_ps(p, s); }
inline void store_scales(float* p, S16 s) { _mm512_storeu_ps(p, s); }
inline S8 mul(S8 a, S8 b) { return _mm256_mul_ps(a, b); }
inline S8 fma(S8 a, S8 b, S8 c) { return _mm256_fmadd_ps(a, b, c); }
inline float reduce_add(S8 s) { return _mm512_reduce_add_ps(_mm512_zextps256_ps512(s)); }

/// Scales for the lanes of the v-th dot product of a group.
inline F spread(S8 s, int v) {
  const int a = 2 * v, b = a + 1;
  const __m512i lane = _mm512_setr_epi32(a, a, a, a, a, a, a, a, b, b, b, b, b, b, b, b);
  return _mm512_permutexvar_ps(lane, _mm512_castps256_ps512(s));
}
inline F spread(S16 s, int v) {
  const int a = 4 * v, b = a + 1, c = a + 2, d = a + 3;
  return _mm512_permutexvar_ps(_mm512_setr_epi32(a, a, a, a, b, b, b, b, c, c, c, c, d, d, d, d), s);
}

/// Lane i: the sum of products 4i .. 4i + 3 of unsigned codes and activations.
template <bool kSigned>
inline F dot(Codes codes, const int8_t* x) {
  static_assert(!kSigned, "vpdpbusd wants unsigned codes");
  return _mm512_cvtepi32_ps(_mm512_dpbusd_epi32(_mm512_setzero_si512(), codes, _mm512_loadu_si512(x)));
}

/// int8 codes as code + 128.
inline Codes to_unsigned(Codes codes) { return _mm512_xor_si512(codes, _mm512_set1_epi8(-128)); }
inline void store_codes(uint8_t* p, Codes codes) { _mm512_storeu_si512(p, codes); }
/// 32 bytes of each of two blocks.
inline Codes bytes(const void* a, const void* b) {
  return _mm512_inserti64x4(_mm512_castsi256_si512(load32(a)), load32(b), 1);
}
/// Low halves of 16 bytes, then their high halves, for two blocks.
inline Codes nibbles16(const uint8_t* a, const uint8_t* b) {
  const __m512i q = _mm512_mask_broadcast_i32x4(_mm512_broadcast_i32x4(load16(a)), 0xff00, load16(b));
  return _mm512_and_si512(_mm512_srlv_epi32(q, _mm512_setr_epi32(0, 0, 0, 0, 4, 4, 4, 4, 0, 0, 0, 0, 4, 4, 4, 4)),
                          _mm512_set1_epi8(15));
}
/// Low halves of 32 bytes, then their high halves.
inline Codes nibbles32(const uint8_t* q, int v) {
  const __m512i both = _mm512_broadcast_i64x4(load32(q + 32 * v));
  const __m512i shift = _mm512_setr_epi32(0, 0, 0, 0, 0, 0, 0, 0, 4, 4, 4, 4, 4, 4, 4, 4);
  return _mm512_and_si512(_mm512_srlv_epi32(both, shift), _mm512_set1_epi8(15));
}
/// Add 16 to code i where bit i is set; 32 bits for each block.
inline Codes add_fifth(Codes codes, const uint8_t* a, const uint8_t* b) {
  uint32_t low, high;
  std::memcpy(&low, a, 4);
  std::memcpy(&high, b, 4);
  return _mm512_mask_add_epi8(codes, low | uint64_t{high} << 32, codes, _mm512_set1_epi8(16));
}
/// Add 16 to code i of block j where bit j of byte i is set, for the two blocks of vector v.
inline Codes add_fifth_of(Codes codes, const uint8_t* high, int v) {
  const __m512i bit = _mm512_inserti64x4(_mm512_set1_epi8(static_cast<char>(1 << 2 * v)),
                                         _mm256_set1_epi8(static_cast<char>(2 << 2 * v)), 1);
  const __mmask64 set = _mm512_test_epi8_mask(_mm512_broadcast_i64x4(load32(high)), bit);
  return _mm512_mask_add_epi8(codes, set, codes, _mm512_set1_epi8(16));
}

/// The next kLanes codes as floats.
inline F codes_to_float(const uint8_t* codes) { return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(load16(codes))); }

#else

constexpr int kCodes = 32;  // weights in one vector of codes: one block
using Codes = __m256i;
struct S16 {
  __m256 lo, hi;
};
inline void load_scales(const float* p, S8& s) { s = load(p); }
inline void load_scales(const float* p, S16& s) { s = {load(p), load(p + 8)}; }
inline void store_scales(float* p, S8 s) { store(p, s); }
inline void store_scales(float* p, S16 s) { store(p, s.lo), store(p + 8, s.hi); }
inline S16 mul(S16 a, S16 b) { return {mul(a.lo, b.lo), mul(a.hi, b.hi)}; }
inline S16 fma(S16 a, S16 b, S16 c) { return {fma(a.lo, b.lo, c.lo), fma(a.hi, b.hi, c.hi)}; }
inline float reduce_add(S16 s) { return reduce_add(add(s.lo, s.hi)); }

/// Scales for the lanes of the v-th dot product of a group.
inline F spread(S8 s, int v) { return _mm256_permutevar8x32_ps(s, _mm256_set1_epi32(v)); }
inline F spread(S16 s, int v) {
  const int a = 2 * v % 8, b = a + 1;
  return _mm256_permutevar8x32_ps(v < 4 ? s.lo : s.hi, _mm256_setr_epi32(a, a, a, a, b, b, b, b));
}

/// Lane i: the sum of products 4i .. 4i + 3 of codes and activations. Two products fit an int16 if codes are at most
/// 63; or signed, taken as |code| times x with the code's sign: 128 * 127 * 2, as x is never below -127.
template <bool kSigned>
inline F dot(Codes codes, const int8_t* x) {
  const __m256i pairs = kSigned ? _mm256_maddubs_epi16(_mm256_abs_epi8(codes), _mm256_sign_epi8(load32(x), codes))
                                : _mm256_maddubs_epi16(codes, load32(x));
  return _mm256_cvtepi32_ps(_mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

/// int8 codes as code + 128.
inline Codes to_unsigned(Codes codes) { return _mm256_xor_si256(codes, _mm256_set1_epi8(-128)); }
inline void store_codes(uint8_t* p, Codes codes) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), codes); }
/// Here a vector is one block: the second pointer of these is for AVX-512.
inline Codes bytes(const void* a, const void*) { return load32(a); }
/// Low halves of 16 bytes, then their high halves.
inline Codes nibbles16(const uint8_t* a, const uint8_t*) {
  const __m128i q = load16(a);
  return _mm256_and_si256(_mm256_set_m128i(_mm_srli_epi32(q, 4), q), _mm256_set1_epi8(15));
}
/// Low (even v) or high halves of 32 bytes.
inline Codes nibbles32(const uint8_t* q, int v) {
  const __m256i both = load32(q + 32 * (v / 2));
  return _mm256_and_si256(v % 2 == 0 ? both : _mm256_srli_epi32(both, 4), _mm256_set1_epi8(15));
}
/// Add 16 to code i where bit i is set.
inline Codes add_fifth(Codes codes, const uint8_t* a, const uint8_t*) {
  int bits;
  std::memcpy(&bits, a, 4);
  const __m256i byte = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
  const __m256i bit = _mm256_set1_epi64x(static_cast<int64_t>(0x8040201008040201u));
  const __m256i set = _mm256_and_si256(_mm256_shuffle_epi8(_mm256_set1_epi32(bits), byte), bit);
  return _mm256_or_si256(codes, _mm256_and_si256(_mm256_cmpeq_epi8(set, bit), _mm256_set1_epi8(16)));
}
/// Add 16 to code i of block v where bit v of byte i is set.
inline Codes add_fifth_of(Codes codes, const uint8_t* high, int v) {
  const __m256i bit = _mm256_set1_epi8(static_cast<char>(1 << v));
  const __m256i set = _mm256_cmpeq_epi8(_mm256_and_si256(load32(high), bit), bit);
  return _mm256_or_si256(codes, _mm256_and_si256(set, _mm256_set1_epi8(16)));
}

/// The next kLanes codes as floats.
inline F codes_to_float(const uint8_t* codes) {
  return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(codes))));
}

#endif

}  // namespace rkv::cpu::RKV_ISA
