// Blocked products of packed tiles: scores = Q K^T and out += P V. Only for *.kernel.cpp files.
//
// Everything is made of 4-byte words, held as floats: with F32Math a word is one f32, with Bf16Math a pair of bf16 that
// lie next to each other along the dimension that is summed over. So one loop serves both; only the dot differs.
//
//   rows (Q, P)  [rows, words]                             row-major
//   K tile       [panels][words of d][panel keys]          keys in lanes; kPanelVecs vectors to a panel
//   V tile       [panels][words of keys][panel dims]       dims in lanes; panels of even width, at most kPanelVecs
#pragma once

#include "cpu/attend_prefill_kernels.h"
#include "cpu/attend_vec.h"
#include "cpu/transpose.h"

namespace rkv::cpu::RKV_ISA {

constexpr int kRowBlock = 6;  // rows whose sums stay in registers, kPanelVecs vectors each
constexpr int kPanelVecs = kLanes == 16 ? 4 : 2;
constexpr int kPanelKeys = kPanelVecs * kLanes;
static_assert(kTileKeys % kPanelKeys == 0);

struct F32Math {
  static constexpr int kPerWord = 1;
  static F dot(F sum, F a, F b) { return fma(a, b, sum); }
  template <class T>
  static F words(const T* row, int from, int n) {
    return load_row_n(row + from, n - from);
  }
};

#ifdef __AVX512BF16__
/// Products of bf16 are exact in f32 and are added in f32; subnormal numbers count as zero.
struct Bf16Math {
  static constexpr int kPerWord = 2;
  static F dot(F sum, F a, F b) {
    return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(a), reinterpret_cast<__m512bh>(b));
  }
  static F words(const uint16_t* row, int from, int n) {
    return _mm512_maskz_loadu_ps(first(n - from), row + from * kPerWord);
  }
};
#endif

/// c[r] = keep[r] * c[r] + a[r] . b for kRows rows and kVecs vectors of columns; without `keep` c is overwritten.
template <class Math, int kRows, int kVecs>
inline void multiply_block(const float* a, int a_pitch, const float* b, int b_pitch, int words, const float* keep,
                           float* c, int c_pitch) {
  F sum[kRows][kVecs];
  for (int r = 0; r < kRows; r++)
    for (int v = 0; v < kVecs; v++)
      sum[r][v] = keep == nullptr ? zero() : mul(set1(keep[r]), load(c + r * c_pitch + v * kLanes));
  for (int w = 0; w < words; w++) {
    F column[kVecs];
    for (int v = 0; v < kVecs; v++) column[v] = load(b + w * b_pitch + v * kLanes);
    for (int r = 0; r < kRows; r++) {
      const F word = set1(a[r * a_pitch + w]);
      for (int v = 0; v < kVecs; v++) sum[r][v] = Math::dot(sum[r][v], word, column[v]);
    }
  }
  for (int r = 0; r < kRows; r++)
    for (int v = 0; v < kVecs; v++) store(c + r * c_pitch + v * kLanes, sum[r][v]);
}

template <class Math, int kVecs>
void multiply_panel(const float* a, int a_pitch, int rows, const float* b, int b_pitch, int words, const float* keep,
                    float* c, int c_pitch) {
  const auto block = [&]<int kRows>(int r) {
    multiply_block<Math, kRows, kVecs>(a + r * a_pitch, a_pitch, b, b_pitch, words,
                                       keep == nullptr ? nullptr : keep + r, c + r * c_pitch, c_pitch);
  };
  int r = 0;
  for (; r + kRowBlock <= rows; r += kRowBlock) block.template operator()<kRowBlock>(r);
  switch (rows - r) {
    case 1:
      block.template operator()<1>(r);
      break;
    case 2:
      block.template operator()<2>(r);
      break;
    case 3:
      block.template operator()<3>(r);
      break;
    case 4:
      block.template operator()<4>(r);
      break;
    case 5:
      block.template operator()<5>(r);
      break;
  }
}

template <class Math>
void multiply(const float* a, int a_pitch, int rows, const float* b, int b_pitch, int words, int vecs,
              const float* keep, float* c, int c_pitch) {
  switch (vecs) {
    case 1:
      multiply_panel<Math, 1>(a, a_pitch, rows, b, b_pitch, words, keep, c, c_pitch);
      break;
    case 2:
      multiply_panel<Math, 2>(a, a_pitch, rows, b, b_pitch, words, keep, c, c_pitch);
      break;
    case 3:
      multiply_panel<Math, 3>(a, a_pitch, rows, b, b_pitch, words, keep, c, c_pitch);
      break;
    case 4:
      multiply_panel<Math, 4>(a, a_pitch, rows, b, b_pitch, words, keep, c, c_pitch);
      break;
  }
}

/// score[r][key] = q[r] . k[key] for the first `vecs` vectors of keys of a tile.
template <class Math>
void score_tile(const float* q, int rows, int d, const float* k_tile, int vecs, float* score) {
  const int words = d / Math::kPerWord;
  for (int at = 0; at < vecs; at += kPanelVecs)
    multiply<Math>(q, words, rows, k_tile + at * kLanes * words, kPanelKeys, words,
                   vecs - at < kPanelVecs ? vecs - at : kPanelVecs, nullptr, score + at * kLanes, kTileKeys);
}

/// Hide the keys [0, begin) and [end, width) of a row of scores.
inline void hide_keys(float* score, int begin, int end, int width) {
  for (int i = 0; i < begin && i < width; i++) score[i] = kNothingSeen;
  for (int i = end < 0 ? 0 : end; i < width; i++) score[i] = kNothingSeen;
}

/// Call fn(first vector, vectors) for the panels that `vecs` vectors of a V row are cut into.
template <class Fn>
void for_v_panels(int vecs, Fn&& fn) {
  const int panels = (vecs + kPanelVecs - 1) / kPanelVecs;
  for (int p = 0; p < panels; p++) fn(vecs * p / panels, vecs * (p + 1) / panels - vecs * p / panels);
}

/// Pack n keys, at most kTileKeys; lanes of the last vector that have no key are zero.
template <class Math, class T>
void pack_k(const void* const* k, int n, int d, float* tile) {
  const int words = d / Math::kPerWord;
  for (int key = 0; key < n; key += kLanes) {
    float* to = tile + key / kPanelKeys * kPanelKeys * words + key % kPanelKeys;
    for (int w = 0; w < words; w += kLanes) {
      F x[kLanes];
      for (int i = 0; i < kLanes; i++)
        x[i] = key + i < n ? Math::words(static_cast<const T*>(k[key + i]), w, words) : zero();
      transpose(x);
      for (int i = 0; i < kLanes && w + i < words; i++) store(to + (w + i) * kPanelKeys, x[i]);
    }
  }
}

}  // namespace rkv::cpu::RKV_ISA
