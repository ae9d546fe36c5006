// One query per head against many rows. Memory-bound: what counts is that a row is loaded and converted once for up to
// four query heads, that sums across lanes are shared by kLanes scores, and that rows are asked for ahead of use.
#include <cmath>

#include "cpu/attend_kernels.h"
#include "cpu/attend_rows.h"
#include "cpu/attend_vec.h"

namespace rkv::cpu::RKV_ISA {

namespace {

constexpr int kMaxHeads = 4;                    // query heads that share one pass over a row
constexpr int kMixVecs = kLanes == 16 ? 4 : 2;  // vectors of a V row per pass: heads * vectors sums stay in registers
constexpr int kMixRows = 32;                    // rows that stay in L1 while the passes go over them
constexpr int kAhead = 16;                      // rows between prefetch and use

/// Call fn<heads> for the group in portions of up to kMaxHeads.
template <class Fn>
void for_heads(int group, Fn&& fn) {
  for (int g = 0; g < group; g += kMaxHeads) {
    switch (group - g) {
      case 1:
        fn.template operator()<1>(g);
        break;
      case 2:
        fn.template operator()<2>(g);
        break;
      case 3:
        fn.template operator()<3>(g);
        break;
      default:
        fn.template operator()<kMaxHeads>(g);
    }
  }
}

/// Scores of kLanes / kHeads rows, so that one reduction serves them all; the first n of them are stored.
template <class T, int kHeads>
void score_rows(const float* q, int d, const void* const* k, int n, float* score, int pitch) {
  constexpr int kRows = kLanes / kHeads;
  F sum[kLanes];
  for (F& s : sum) s = zero();
  for (int at = 0; at < d; at += kLanes) {
    F query[kHeads];
    for (int g = 0; g < kHeads; g++) query[g] = load_n(q + g * d + at, d - at);
    for (int i = 0; i < kRows; i++) {
      const F key = load_row_n(static_cast<const T*>(k[i]) + at, d - at);
      for (int g = 0; g < kHeads; g++) sum[g * kRows + i] = fma(query[g], key, sum[g * kRows + i]);
    }
  }
  float each[kLanes];
  store(each, reduce_each(sum));
  if (n >= kRows) n = kRows;
  for (int g = 0; g < kHeads; g++) {
    if (n == kRows)
      std::memcpy(score + g * pitch, each + g * kRows, kRows * sizeof(float));  // a vector or two
    else
      std::memcpy(score + g * pitch, each + g * kRows, static_cast<size_t>(n) * sizeof(float));
  }
}

template <class T>
void score(const float* q, int group, int d, const void* const* k, int n, float* score, int pitch) {
  constexpr int kStep = kLanes;  // rows that all heads go over before the next ones
  for (int i = 0; i < n; i += kStep) {
    for (int r = 0; r < kStep; r++) prefetch(k[i + r + kAhead < n ? i + r + kAhead : n], d * int{sizeof(T)});
    for_heads(group, [&]<int kHeads>(int g) {
      for (int r = 0; r < kStep && i + r < n; r += kLanes / kHeads)
        score_rows<T, kHeads>(q + g * d, d, k + i + r, n - i - r, score + g * pitch + i + r, pitch);
    });
  }
}

void soften(float* score, int n, float scale, float* top, float* sum) {
  for (int i = n; i % kLanes != 0; i++) score[i] = -INFINITY;  // padding that weighs nothing
  F best = set1(-INFINITY);
  for (int i = 0; i < n; i += kLanes) best = max(best, load(score + i));
  const float highest = reduce_max(best);

  F total = zero();
  for (int i = 0; i < n; i += kLanes) {
    const F weight = exp(mul(sub(load(score + i), set1(highest)), set1(scale)));
    store(score + i, weight);
    total = add(total, weight);
  }
  *sum = reduce_add(total);
  *top = highest * scale;
}

/// out[g][at ..] += weighted rows, for kVecs vectors of every row.
template <class T, int kHeads, int kVecs>
void mix_rows(const float* weight, int pitch, int d, const void* const* v, int n, int at, float* out) {
  F sum[kHeads][kVecs];
  for (int g = 0; g < kHeads; g++)
    for (int j = 0; j < kVecs; j++) sum[g][j] = load_n(out + g * d + at + j * kLanes, d - at - j * kLanes);
  for (int i = 0; i < n; i++) {
    const T* row = static_cast<const T*>(v[i]) + at;
    F value[kVecs];
    for (int j = 0; j < kVecs; j++) value[j] = load_row_n(row + j * kLanes, d - at - j * kLanes);
    for (int g = 0; g < kHeads; g++) {
      const F w = set1(weight[g * pitch + i]);
      for (int j = 0; j < kVecs; j++) sum[g][j] = fma(w, value[j], sum[g][j]);
    }
  }
  for (int g = 0; g < kHeads; g++)
    for (int j = 0; j < kVecs; j++) store_n(out + g * d + at + j * kLanes, sum[g][j], d - at - j * kLanes);
}

template <class T>
void mix(const float* weight, int pitch, int group, int d, const void* const* v, int n, float* out) {
  std::memset(out, 0, sizeof(float) * static_cast<size_t>(group) * static_cast<size_t>(d));
  for (int i = 0; i < n; i += kMixRows) {
    const int rows = n - i < kMixRows ? n - i : kMixRows;
    for (int r = 0; r < rows; r++) prefetch(v[i + r + kMixRows < n ? i + r + kMixRows : n], d * int{sizeof(T)});
    for_heads(group, [&]<int kHeads>(int g) {
      const float* w = weight + g * pitch + i;
      int at = 0;
      for (; d - at > (kMixVecs - 1) * kLanes; at += kMixVecs * kLanes)
        mix_rows<T, kHeads, kMixVecs>(w, pitch, d, v + i, rows, at, out + g * d);
      for (; at < d; at += kLanes) mix_rows<T, kHeads, 1>(w, pitch, d, v + i, rows, at, out + g * d);
    });
  }
}

template <class T>
constexpr AttendKernels kernels{score<T>, soften, mix<T>};

}  // namespace

extern const AttendKernels attend_f32, attend_bf16;
const AttendKernels attend_f32 = kernels<float>, attend_bf16 = kernels<uint16_t>;

}  // namespace rkv::cpu::RKV_ISA
