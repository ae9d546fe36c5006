// Loads of cached rows and sums across lanes, on top of vec.h. Only for *.kernel.cpp files.
#pragma once

#include "cpu/vec.h"

namespace rkv::cpu::RKV_ISA {

/// kLanes elements of a cached row, bf16 or f32, as f32.
inline F load_row(const float* p) { return load(p); }
inline F load_row(const uint16_t* p) { return load_bf16(p); }

/// The first n of kLanes elements, zeros after them; nothing past them is read. n may exceed kLanes.
inline F load_row_n(const float* p, int n) { return load_n(p, n); }
#ifdef __AVX512F__
inline F load_row_n(const uint16_t* p, int n) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(first(n), p)), 16));
}
#else
inline F load_row_n(const uint16_t* p, int n) {
  if (n >= kLanes) return load_bf16(p);
  uint16_t some[kLanes] = {};
  std::memcpy(some, p, sizeof(uint16_t) * static_cast<size_t>(n < 0 ? 0 : n));
  return load_bf16(some);
}
#endif

/// Ask for the cache lines of `bytes` bytes at p.
inline void prefetch(const void* p, int bytes) {
  for (int i = 0; i < bytes; i += 64) _mm_prefetch(static_cast<const char*>(p) + i, _MM_HINT_T0);
}

/// Lane i of the result is the sum of x[i]; every x is summed in the same order of lanes, whatever its place.
inline F reduce_each(const F (&x)[kLanes]) {
#ifdef __AVX512F__
  F quads[4];
  for (int i = 0; i < 4; i++) {
    const F* y = x + 4 * i;
    const __m512d ab = _mm512_castps_pd(add(_mm512_unpacklo_ps(y[0], y[1]), _mm512_unpackhi_ps(y[0], y[1])));
    const __m512d cd = _mm512_castps_pd(add(_mm512_unpacklo_ps(y[2], y[3]), _mm512_unpackhi_ps(y[2], y[3])));
    quads[i] = add(_mm512_castpd_ps(_mm512_unpacklo_pd(ab, cd)), _mm512_castpd_ps(_mm512_unpackhi_pd(ab, cd)));
  }
  const auto fold = [](F a, F b) { return add(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xdd)); };
  return fold(fold(quads[0], quads[1]), fold(quads[2], quads[3]));
#else
  F quads[2];
  for (int i = 0; i < 2; i++) {
    const F* y = x + 4 * i;
    const __m256d ab = _mm256_castps_pd(add(_mm256_unpacklo_ps(y[0], y[1]), _mm256_unpackhi_ps(y[0], y[1])));
    const __m256d cd = _mm256_castps_pd(add(_mm256_unpacklo_ps(y[2], y[3]), _mm256_unpackhi_ps(y[2], y[3])));
    quads[i] = add(_mm256_castpd_ps(_mm256_unpacklo_pd(ab, cd)), _mm256_castpd_ps(_mm256_unpackhi_pd(ab, cd)));
  }
  return add(_mm256_permute2f128_ps(quads[0], quads[1], 0x20), _mm256_permute2f128_ps(quads[0], quads[1], 0x31));
#endif
}

}  // namespace rkv::cpu::RKV_ISA
