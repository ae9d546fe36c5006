// Matrix times few rows, the matrix in place: bound by how fast weights arrive from memory.
//
// One row of weights after the other, so that memory is read as one stream: the hardware then fetches ahead by itself,
// and two rows at a time halve the rate. Up to four tokens share a row's codes. Every token's sum is formed in the same
// order whatever their number is: the same bits come out.
#include "cpu/linear_isa.h"
#include "cpu/linear_stage.h"

namespace rkv::cpu::RKV_ISA {
namespace {

inline void load_activation_scales(const ActivationGroup& x, S8& scale, S8& sum) {
  load_scales(x.scale, scale);
  load_scales(x.sum, sum);
}
inline void load_activation_scales(const ActivationGroup& x, S16& scale, S16& sum) {
  load_scales(x.scale16, scale);
  load_scales(x.sum16, sum);
}

inline S8 add8(S8 x, S8 y) { return _mm256_add_ps(x, y); }
inline S8 add8(S8 x, const S16& y) { return add8(x, add8(y.a, y.b)); }

template <class Q, int T>
struct Sums {
  S8 dots[T];             // d * scale * sum of code * q
  typename Q::S mins[T];  // m * scale * sum of q
};

/// Products of the v-th pair of a group, scaled, added to `sum`.
template <class Q>
inline S8 add_pair(const Codes& codes, const ActivationGroup& x, S8 d, int v, S8 sum) {
  const S8 products = dot<Q::kSigned>(codes, load32(x.q[v][0]), load32(x.q[v][1]));
  return fma8(products, spread(d, 2 * v, 2 * v + 1), sum);
}
template <class Q>
inline S8 add_pair(const Codes& codes, const ActivationGroup& x, const S16& d, int v, S8 sum) {
  const S8 four = v < 2 ? d.a : d.b;  // [A 0-15, A 16-31, B 0-15, B 16-31] of two pairs
  const int first = 4 * (v % 2);
  sum = fma8(dot<Q::kSigned>(codes.lo, load32(x.q[v][0])), spread(four, first, first + 2), sum);
  return fma8(dot<Q::kSigned>(codes.hi, load32(x.q[v][1])), spread(four, first + 1, first + 3), sum);
}

/// Add the products of the first G blocks of a group; `x` are the tokens' groups.
template <class Q, int G, int T>
inline void add_group(const uint8_t* w, const ActivationGroup* const (&x)[T], Sums<Q, T>& sums) {
  typename Q::S weight_d, weight_m, d[T];
  Q::template scales<G>(w, weight_d, weight_m);
#pragma GCC unroll 4
  for (int t = 0; t < T; t++) {
    typename Q::S scale, sum;
    load_activation_scales(*x[t], scale, sum);
    d[t] = mul8(weight_d, scale);
    if constexpr (!Q::kSigned) sums.mins[t] = fma8(weight_m, sum, sums.mins[t]);
  }
#pragma GCC unroll 4
  for (int v = 0; v < (G + 1) / 2; v++) {
    const Codes codes = Q::template codes<G>(w, v);
#pragma GCC unroll 4
    for (int t = 0; t < T; t++) sums.dots[t] = add_pair<Q>(codes, *x[t], d[t], v, sums.dots[t]);
  }
}

/// The last group of a row, of `blocks` < 8 blocks.
template <class Q, int T>
inline void add_last(int blocks, const uint8_t* w, const ActivationGroup* const (&x)[T], Sums<Q, T>& sums) {
  if constexpr (Q::kBlocks == 1) {
    switch (blocks) {
      case 1:
        return add_group<Q, 1>(w, x, sums);
      case 2:
        return add_group<Q, 2>(w, x, sums);
      case 3:
        return add_group<Q, 3>(w, x, sums);
      case 4:
        return add_group<Q, 4>(w, x, sums);
      case 5:
        return add_group<Q, 5>(w, x, sums);
      case 6:
        return add_group<Q, 6>(w, x, sums);
      case 7:
        return add_group<Q, 7>(w, x, sums);
    }
  }
}

/// One row of quantised weights times T tokens, from the t0-th on.
template <Quantized Q, int T>
void dot_row(Q, const uint8_t* w, const LinearInput& x, int t0, float (&out)[T]) {
  Sums<Q, T> sums = {};
  const ActivationGroup* token[T];
  for (int t = 0; t < T; t++) token[t] = x.groups + int64_t{t0 + t} * activation_groups(x.cols);
  for (int left = x.cols / kGroup; left > 0; left--) {
    add_group<Q, 8>(w, token, sums);
    w += 8 / Q::kBlocks * Q::kBytes;
    for (int t = 0; t < T; t++) token[t]++;
  }
  add_last(x.cols % kGroup / 32, w, token, sums);
  for (int t = 0; t < T; t++) out[t] = sum8(Q::kSigned ? sums.dots[t] : add8(sums.dots[t], sums.mins[t]));
}

/// One row of plain weights.
template <class P, int T>
requires(!Quantized<P>) void dot_row(P, const uint8_t* w, const LinearInput& x, int t0, float (&out)[T]) {
  const float* tokens = x.x + int64_t{t0} * x.cols;
  F even[T] = {}, odd[T] = {};  // two chains of additions, as each waits for the one before
  int k = 0;
  for (; k + 2 * kLanes <= x.cols; k += 2 * kLanes) {
    const F w0 = P::load(w, k), w1 = P::load(w, k + kLanes);
    for (int t = 0; t < T; t++) {
      even[t] = fma(w0, load(tokens + int64_t{t} * x.cols + k), even[t]);
      odd[t] = fma(w1, load(tokens + int64_t{t} * x.cols + k + kLanes), odd[t]);
    }
  }
  for (; k < x.cols; k += kLanes) {
    const int n = std::min(kLanes, x.cols - k);
    const F last = P::load_n(w, k, n);
    for (int t = 0; t < T; t++) even[t] = fma(last, load_n(tokens + int64_t{t} * x.cols + k, n), even[t]);
  }
  for (int t = 0; t < T; t++) out[t] = reduce_add(add(even[t], odd[t]));
}

}  // namespace

void decode_rows(const Projection& projection, const LinearInput& x, int first, int last) {
  const Weight& w = *projection.weight;
  const int64_t stride = row_bytes(w.dtype, w.cols);
  with_format(w.dtype, [&](auto format) {
    for (int row = first; row < last; row++) {
      const float bias = projection.bias != nullptr ? projection.bias[row] : 0.0f;
      // After the first tokens the row is in L1.
      const auto multiply = [&]<int T>(int t0) {
        float out[T];
        dot_row(format, w.data + row * stride, x, t0, out);
        for (int t = 0; t < T; t++) projection.y[int64_t{t0 + t} * w.rows + row] = out[t] + bias;
      };
      int t = 0;
      for (; t + 4 <= x.n; t += 4) multiply.template operator()<4>(t);
      for (; t + 2 <= x.n; t += 2) multiply.template operator()<2>(t);
      if (t < x.n) multiply.template operator()<1>(t);
    }
  });
}

}  // namespace rkv::cpu::RKV_ISA
