// How elements of a cached row come into vectors. Only for *.kernel.cpp files.
//
// A vector of bf16 pairs becomes two of f32 with one instruction each: shifted left it is the even elements, masked it
// is the odd ones. Widening them in order would cost twice as much, which shows in loops that do little else per
// element.
#pragma once

#include "cpu/attend_vec.h"

namespace rkv::cpu::RKV_ISA {

/// kVecs vectors that are loaded together: kElements neighbours, the first vector holding every kVecs-th from element
/// 0.
template <class T>
struct RowBlock;

template <>
struct RowBlock<float> {
  static constexpr int kVecs = 1, kElements = kLanes;
  static void load_all(const float* p, F* x) { x[0] = load(p); }
  static void load_first(const float* p, int n, F* x) { x[0] = load_n(p, n); }
};

template <>
struct RowBlock<uint16_t> {
  static constexpr int kVecs = 2, kElements = 2 * kLanes;
  static void load_all(const uint16_t* p, F* x) { widen(load(reinterpret_cast<const float*>(p)), x); }
  static void load_first(const uint16_t* p, int n, F* x) { widen(load_n(reinterpret_cast<const float*>(p), n / 2), x); }

 private:
  static void widen(F pairs, F* x) {
#ifdef __AVX512F__
    const __m512i bits = _mm512_castps_si512(pairs);
    x[0] = _mm512_castsi512_ps(_mm512_slli_epi32(bits, 16));
    x[1] = _mm512_castsi512_ps(_mm512_and_si512(bits, _mm512_set1_epi32(static_cast<int>(0xffff0000u))));
#else
    const __m256i bits = _mm256_castps_si256(pairs);
    x[0] = _mm256_castsi256_ps(_mm256_slli_epi32(bits, 16));
    x[1] = _mm256_castsi256_ps(_mm256_and_si256(bits, _mm256_set1_epi32(static_cast<int>(0xffff0000u))));
#endif
  }
};

/// Floats of a packed row: whole blocks.
template <class T>
int packed_pitch(int d) {
  constexpr int kElements = RowBlock<T>::kElements;
  return (d + kElements - 1) / kElements * kElements;
}

/// Call fn(plain index, packed index) for the d elements of a row.
template <class T, class Fn>
void for_elements(int d, Fn&& fn) {
  constexpr int kVecs = RowBlock<T>::kVecs, kElements = RowBlock<T>::kElements;
  for (int block = 0; block < d; block += kElements) {
    const int n = d - block < kElements ? d - block : kElements;
    for (int v = 0; v < kVecs; v++)
      for (int i = v, lane = 0; i < n; i += kVecs, lane++) fn(block + i, block + v * kLanes + lane);
  }
}

template <class T>
void pack_rows(const float* plain, int n, int d, float* packed) {
  const int pitch = packed_pitch<T>(d);
  std::memset(packed, 0, sizeof(float) * static_cast<size_t>(n) * static_cast<size_t>(pitch));
  for (int r = 0; r < n; r++) for_elements<T>(d, [&](int i, int at) { packed[r * pitch + at] = plain[r * d + i]; });
}

template <class T>
void unpack_rows(const float* packed, int n, int d, float* plain) {
  const int pitch = packed_pitch<T>(d);
  for (int r = 0; r < n; r++) for_elements<T>(d, [&](int i, int at) { plain[r * d + i] = packed[r * pitch + at]; });
}

}  // namespace rkv::cpu::RKV_ISA
