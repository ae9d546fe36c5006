// Square transposes in registers, on top of vec.h. For *.kernel.cpp only.
#pragma once

#include "cpu/vec.h"

namespace rkv::cpu::RKV_ISA {

/// Transpose kLanes vectors of kLanes dwords.
inline void transpose(F (&x)[kLanes]) {
#ifdef __AVX512F__
  __m512d y[16];
  for (int i = 0; i < 16; i += 4) {
    const F ab = _mm512_unpacklo_ps(x[i], x[i + 1]), cd = _mm512_unpacklo_ps(x[i + 2], x[i + 3]);
    const F AB = _mm512_unpackhi_ps(x[i], x[i + 1]), CD = _mm512_unpackhi_ps(x[i + 2], x[i + 3]);
    y[i] = _mm512_unpacklo_pd(_mm512_castps_pd(ab), _mm512_castps_pd(cd));
    y[i + 1] = _mm512_unpackhi_pd(_mm512_castps_pd(ab), _mm512_castps_pd(cd));
    y[i + 2] = _mm512_unpacklo_pd(_mm512_castps_pd(AB), _mm512_castps_pd(CD));
    y[i + 3] = _mm512_unpackhi_pd(_mm512_castps_pd(AB), _mm512_castps_pd(CD));
  }
  // y[4g + c] holds, in 128-bit lane l, column 4l + c of rows 4g .. 4g + 3.
  for (int c = 0; c < 4; c++) {
    const __m512d p = _mm512_shuffle_f64x2(y[c], y[4 + c], 0x88), q = _mm512_shuffle_f64x2(y[8 + c], y[12 + c], 0x88);
    const __m512d P = _mm512_shuffle_f64x2(y[c], y[4 + c], 0xdd), Q = _mm512_shuffle_f64x2(y[8 + c], y[12 + c], 0xdd);
    x[c] = _mm512_castpd_ps(_mm512_shuffle_f64x2(p, q, 0x88));
    x[8 + c] = _mm512_castpd_ps(_mm512_shuffle_f64x2(p, q, 0xdd));
    x[4 + c] = _mm512_castpd_ps(_mm512_shuffle_f64x2(P, Q, 0x88));
    x[12 + c] = _mm512_castpd_ps(_mm512_shuffle_f64x2(P, Q, 0xdd));
  }
#else
  __m256d y[8];
  for (int i = 0; i < 8; i += 4) {
    const F ab = _mm256_unpacklo_ps(x[i], x[i + 1]), cd = _mm256_unpacklo_ps(x[i + 2], x[i + 3]);
    const F AB = _mm256_unpackhi_ps(x[i], x[i + 1]), CD = _mm256_unpackhi_ps(x[i + 2], x[i + 3]);
    y[i] = _mm256_unpacklo_pd(_mm256_castps_pd(ab), _mm256_castps_pd(cd));
    y[i + 1] = _mm256_unpackhi_pd(_mm256_castps_pd(ab), _mm256_castps_pd(cd));
    y[i + 2] = _mm256_unpacklo_pd(_mm256_castps_pd(AB), _mm256_castps_pd(CD));
    y[i + 3] = _mm256_unpackhi_pd(_mm256_castps_pd(AB), _mm256_castps_pd(CD));
  }
  for (int c = 0; c < 4; c++) {
    x[c] = _mm256_castpd_ps(_mm256_permute2f128_pd(y[c], y[4 + c], 0x20));
    x[4 + c] = _mm256_castpd_ps(_mm256_permute2f128_pd(y[c], y[4 + c], 0x31));
  }
#endif
}

}  // namespace rkv::cpu::RKV_ISA
