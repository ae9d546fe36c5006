// One query per head against many rows. Memory-bound: what counts is that a row is loaded and converted once for up to
// four query heads, that sums across lanes are shared by kLanes scores, and that rows are asked for ahead of use.
#include <cmath>

#include "cpu/attend_kernels.h"
#include "cpu/attend_row_block.h"
#include "cpu/attend_rows.h"

namespace rkv::cpu::RKV_ISA {

namespace {

constexpr int kMaxHeads = 4;                    // query heads that share one pass over a row
constexpr int kMixVecs = kLanes == 16 ? 4 : 2;  // vectors of a V row per pass: heads * vectors sums stay in registers
constexpr int kScoreRows = 80;  // rows that all heads go over before the next; every kLanes / heads fits
constexpr int kMixRows = 32;    // the same for sums of rows, whose passes go over them too
constexpr int kAhead = 32;      // rows between prefetch and use

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
  using Block = RowBlock<T>;
  constexpr int kRows = kLanes / kHeads;
  const int q_pitch = packed_pitch<T>(d);
  F sum[kLanes];
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; i++) sum[i] = zero();
  const auto add_products = [&](int at, auto&& load_key) {
#pragma GCC unroll 16
    for (int i = 0; i < kRows; i++) {
      F key[Block::kVecs];
      load_key(static_cast<const T*>(k[i]) + at, key);
#pragma GCC unroll 4
      for (int g = 0; g < kHeads; g++)
#pragma GCC unroll 2
        for (int v = 0; v < Block::kVecs; v++)
          sum[g * kRows + i] = fma(load(q + g * q_pitch + at + v * kLanes), key[v], sum[g * kRows + i]);
    }
  };
  int at = 0;
  for (; at + Block::kElements <= d; at += Block::kElements) add_products(at, Block::load_all);
  if (at < d) add_products(at, [&](const T* p, F* key) { Block::load_first(p, d - at, key); });

  float each[kLanes];
  store(each, reduce_each(sum));
  if (n >= kRows) {
    for (int g = 0; g < kHeads; g++) std::memcpy(score + g * pitch, each + g * kRows, kRows * sizeof(float));
  } else {
    for (int g = 0; g < kHeads; g++)
      for (int i = 0; i < n; i++) score[g * pitch + i] = each[g * kRows + i];
  }
}

template <class T>
void score(const float* q, int group, int d, const void* const* k, int n, float* score, int score_pitch) {
  const int q_pitch = packed_pitch<T>(d);
  for (int i = 0; i < n; i += kScoreRows) {
    const int end = n - i < kScoreRows ? n : i + kScoreRows;
    for_heads(group, [&]<int kHeads>(int g) {
      constexpr int kRows = kLanes / kHeads;
      for (int r = i; r < end; r += kRows) {
        if (g == 0)
          for (int j = r + kAhead; j < r + kAhead + kRows; j++) prefetch(k[j < n ? j : n], d * int{sizeof(T)});
        score_rows<T, kHeads>(q + g * q_pitch, d, k + r, end - r, score + g * score_pitch + r, score_pitch);
      }
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

/// out[g][at ..] += weighted rows, for kBlocks blocks of every row. `touch(i)` is told of every row.
template <class T, int kHeads, int kBlocks, class Load, class Touch>
void mix_rows(const float* weight, int pitch, int out_pitch, const void* const* v, int n, int at, float* out,
              Load&& load_value, Touch&& touch) {
  constexpr int kVecs = kBlocks * RowBlock<T>::kVecs;
  F sum[kHeads][kVecs];
  for (int g = 0; g < kHeads; g++)
    for (int j = 0; j < kVecs; j++) sum[g][j] = load(out + g * out_pitch + at + j * kLanes);
  for (int i = 0; i < n; i++) {
    touch(i);
    const T* row = static_cast<const T*>(v[i]) + at;
    F value[kVecs];
    for (int b = 0; b < kBlocks; b++) load_value(row + b * RowBlock<T>::kElements, value + b * RowBlock<T>::kVecs);
    for (int g = 0; g < kHeads; g++) {
      const F w = set1(weight[g * pitch + i]);
      for (int j = 0; j < kVecs; j++) sum[g][j] = fma(w, value[j], sum[g][j]);
    }
  }
  for (int g = 0; g < kHeads; g++)
    for (int j = 0; j < kVecs; j++) store(out + g * out_pitch + at + j * kLanes, sum[g][j]);
}

template <class T>
void mix(const float* weight, int weight_pitch, int group, int d, const void* const* v, int n, float* out) {
  using Block = RowBlock<T>;
  constexpr int kBlocks = kMixVecs / Block::kVecs, kPass = kBlocks * Block::kElements;
  const int out_pitch = packed_pitch<T>(d);
  std::memset(out, 0, sizeof(float) * static_cast<size_t>(group) * static_cast<size_t>(out_pitch));
  for (int i = 0; i < n; i += kMixRows) {
    const int rows = n - i < kMixRows ? n - i : kMixRows;
    for_heads(group, [&]<int kHeads>(int g) {
      const float* w = weight + g * weight_pitch + i;
      float* to = out + g * out_pitch;
      // The first pass over a row asks for a later one.
      const auto touch = [&](int r) { prefetch(v[i + r + kAhead < n ? i + r + kAhead : n], d * int{sizeof(T)}); };
      const auto pass = [&]<int kBlocks>(int at, auto&& load_value) {
        if (g == 0 && at == 0)
          mix_rows<T, kHeads, kBlocks>(w, weight_pitch, out_pitch, v + i, rows, at, to, load_value, touch);
        else
          mix_rows<T, kHeads, kBlocks>(w, weight_pitch, out_pitch, v + i, rows, at, to, load_value, [](int) {});
      };
      int at = 0;
      for (; at + kPass <= d; at += kPass) pass.template operator()<kBlocks>(at, Block::load_all);
      for (; at + Block::kElements <= d; at += Block::kElements) pass.template operator()<1>(at, Block::load_all);
      if (at < d) pass.template operator()<1>(at, [&](const T* p, F* value) { Block::load_first(p, d - at, value); });
    });
  }
}

template <class T>
constexpr AttendKernels kernels{packed_pitch<T>, pack_rows<T>, unpack_rows<T>, score<T>, soften, mix<T>};

}  // namespace

extern const AttendKernels attend_f32, attend_bf16;
const AttendKernels attend_f32 = kernels<float>, attend_bf16 = kernels<uint16_t>;

}  // namespace rkv::cpu::RKV_ISA
