// Vectors of weight codes and of their scales, on top of vec.h: for *.kernel.cpp only.
//
// Codes come in pairs of blocks A and B of 32 weights, as two vectors of 16 from each: `lo` = [A 0-15, B 0-15] and
// `hi` = [A 16-31, B 16-31]. Activations are laid out the same. So the products of both vectors add up in one register
// whose lower half belongs to A and whose upper half belongs to B, and scales are applied once for 64 weights. 256 bits
// on AVX-512 too: enough to keep up with memory, and no slower where 512-bit operations take two turns.
//
// Scales of a group of 8 blocks are kept compact, one lane for a block (S8) or for 16 weights (S16): so they are
// multiplied with the activations' scales, and spread over the lanes of products only then.
#pragma once

#include "cpu/vec.h"

namespace rkv::cpu::RKV_ISA {

using S8 = __m256;
struct S16 {
  __m256 a, b;  // of the first four blocks, of the last four
};

inline void load_scales(const float* p, S8& s) { s = _mm256_loadu_ps(p); }
inline void load_scales(const float* p, S16& s) { s = {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
inline void store_scales(float* p, S8 s) { _mm256_storeu_ps(p, s); }
inline void store_scales(float* p, const S16& s) { store_scales(p, s.a), store_scales(p + 8, s.b); }
inline S8 mul8(S8 x, S8 y) { return _mm256_mul_ps(x, y); }
inline S16 mul8(const S16& x, const S16& y) { return {mul8(x.a, y.a), mul8(x.b, y.b)}; }
inline S8 fma8(S8 x, S8 y, S8 z) { return _mm256_fmadd_ps(x, y, z); }
inline S16 fma8(const S16& x, const S16& y, const S16& z) { return {fma8(x.a, y.a, z.a), fma8(x.b, y.b, z.b)}; }
inline float sum8(S8 s) {
  __m128 x = _mm_add_ps(_mm256_castps256_ps128(s), _mm256_extractf128_ps(s, 1));
  x = _mm_add_ps(x, _mm_movehl_ps(x, x));
  return _mm_cvtss_f32(_mm_add_ss(x, _mm_movehdup_ps(x)));
}
inline float sum8(const S16& s) { return sum8(_mm256_add_ps(s.a, s.b)); }

/// Lane a four times, then lane b.
inline S8 spread(S8 s, int a, int b) { return _mm256_permutevar8x32_ps(s, _mm256_setr_epi32(a, a, a, a, b, b, b, b)); }

inline __m128i load16(const void* p) { return _mm_loadu_si128(static_cast<const __m128i*>(p)); }
inline __m256i load32(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
/// 16 bytes of each of two blocks, or the same ones twice.
inline __m256i load_halves(const void* a, const void* b) {
  return _mm256_inserti128_si256(_mm256_castsi128_si256(load16(a)), load16(b), 1);
}
inline __m256i load_twice(const void* p) { return _mm256_broadcastsi128_si256(load16(p)); }
/// Bytes of `a` in the lower half, of `b` in the upper one.
inline __m256i set_halves(uint8_t a, uint8_t b) {
  return _mm256_set_m128i(_mm_set1_epi8(static_cast<char>(b)), _mm_set1_epi8(static_cast<char>(a)));
}

struct Codes {
  __m256i lo, hi;
};

/// Low and high halves of bytes.
inline __m256i low4(__m256i x) { return _mm256_and_si256(x, _mm256_set1_epi8(15)); }
inline __m256i high4(__m256i x) { return low4(_mm256_srli_epi32(x, 4)); }
/// int8 codes as code + 128.
inline __m256i to_unsigned(__m256i x) { return _mm256_xor_si256(x, _mm256_set1_epi8(-128)); }

/// Add 16 to bytes of x where (bits & bit) != 0; `bit` has one bit set in every byte.
inline __m256i add_fifth(__m256i x, __m256i bits, __m256i bit) {
#ifdef __AVX512F__
  return _mm256_mask_add_epi8(x, _mm256_test_epi8_mask(bits, bit), x, _mm256_set1_epi8(16));
#else
  const __m256i set = _mm256_cmpeq_epi8(_mm256_and_si256(bits, bit), bit);
  return _mm256_or_si256(x, _mm256_and_si256(set, _mm256_set1_epi8(16)));
#endif
}

/// Sums of four products each. Unsigned codes are at most 63 on AVX2, where 4 * 63 * 127 must fit an int16; signed ones
/// are taken as |code| times x with the code's sign, and 2 * 128 * 127 just fits, as x is never below -127.
template <bool kSigned>
inline S8 dot(__m256i codes, __m256i x) {
#ifdef __AVX512F__
  static_assert(!kSigned, "vpdpbusd wants unsigned codes");
  return _mm256_cvtepi32_ps(_mm256_dpbusd_epi32(_mm256_setzero_si256(), codes, x));
#else
  const __m256i pairs = kSigned ? _mm256_maddubs_epi16(_mm256_abs_epi8(codes), _mm256_sign_epi8(x, codes))
                                : _mm256_maddubs_epi16(codes, x);
  return _mm256_cvtepi32_ps(_mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
#endif
}
/// The same, `lo` and `hi` added up.
template <bool kSigned>
inline S8 dot(const Codes& codes, __m256i x_lo, __m256i x_hi) {
#ifdef __AVX512F__
  static_assert(!kSigned, "vpdpbusd wants unsigned codes");
  const __m256i lo = _mm256_dpbusd_epi32(_mm256_setzero_si256(), codes.lo, x_lo);
  return _mm256_cvtepi32_ps(_mm256_dpbusd_epi32(lo, codes.hi, x_hi));
#else
  const __m256i one = _mm256_set1_epi16(1);
  if (kSigned) {
    const __m256i lo = _mm256_maddubs_epi16(_mm256_abs_epi8(codes.lo), _mm256_sign_epi8(x_lo, codes.lo));
    const __m256i hi = _mm256_maddubs_epi16(_mm256_abs_epi8(codes.hi), _mm256_sign_epi8(x_hi, codes.hi));
    return _mm256_cvtepi32_ps(_mm256_add_epi32(_mm256_madd_epi16(lo, one), _mm256_madd_epi16(hi, one)));
  }
  const __m256i lo = _mm256_maddubs_epi16(codes.lo, x_lo), hi = _mm256_maddubs_epi16(codes.hi, x_hi);
  return _mm256_cvtepi32_ps(_mm256_madd_epi16(_mm256_add_epi16(lo, hi), one));
#endif
}

/// Codes of A, then of B, in their order.
inline void store_codes(uint8_t* p, const Codes& codes) {
  auto* to = reinterpret_cast<__m256i*>(p);
  _mm256_storeu_si256(to, _mm256_permute2x128_si256(codes.lo, codes.hi, 0x20));
  _mm256_storeu_si256(to + 1, _mm256_permute2x128_si256(codes.lo, codes.hi, 0x31));
}
/// kLanes codes as floats.
inline F codes_to_float(const uint8_t* codes) {
#ifdef __AVX512F__
  return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(load16(codes)));
#else
  return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(codes))));
#endif
}

}  // namespace rkv::cpu::RKV_ISA
