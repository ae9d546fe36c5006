// Matrix times few rows, the matrix in place: bound by how fast weights arrive from memory.
//
// A call of dot_rows() takes R rows of weights and T tokens, with R * T sums in registers. Which R and T it is depends
// on what is left to do, so every sum must be formed in one order for all of them: the same bits come out.
#include "cpu/linear_kernels.h"
#include "cpu/linear_stage.h"

namespace rkv::cpu::RKV_ISA {
namespace {

// Bytes ahead: the time of a memory access at some 10 GB/s, beyond what the hardware fetches across short rows.
constexpr int kPrefetch = 4096;

inline void prefetch(const uint8_t* p, int bytes) {
  for (int i = 0; i < bytes; i += 64) _mm_prefetch(p + kPrefetch + i, _MM_HINT_T0);
}

inline void load_activation_scales(const ActivationGroup& x, S8& scale, S8& sum) {
  load_scales(x.scale, scale);
  load_scales(x.sum, sum);
}
inline void load_activation_scales(const ActivationGroup& x, S16& scale, S16& sum) {
  load_scales(x.scale16, scale);
  load_scales(x.sum16, sum);
}

template <class Q, int R, int T>
struct Sums {
  S8 dots[R][T];             // d * scale * sum of code * q
  typename Q::S mins[R][T];  // m * scale * sum of q
};

inline S8 add_all(S8 x, S8 y) { return _mm256_add_ps(x, y); }
inline S8 add_all(S8 x, const S16& y) { return add_all(x, add_all(y.a, y.b)); }

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

/// Add the products of the first G blocks of a group. `x` are the tokens' groups.
template <class Q, int G, int R, int T>
inline void add_group(const uint8_t* const (&w)[R], const ActivationGroup* const (&x)[T], Sums<Q, R, T>& sums) {
  using S = typename Q::S;
  S d[R][T];
#pragma GCC unroll 4
  for (int r = 0; r < R; r++) {
    S weight_d, weight_m;
    Q::template scales<G>(w[r], weight_d, weight_m);
#pragma GCC unroll 4
    for (int t = 0; t < T; t++) {
      S scale, sum;
      load_activation_scales(*x[t], scale, sum);
      d[r][t] = mul8(weight_d, scale);
      if constexpr (!Q::kSigned) sums.mins[r][t] = fma8(weight_m, sum, sums.mins[r][t]);
    }
  }
#pragma GCC unroll 4
  for (int v = 0; v < (G + 1) / 2; v++) {
#pragma GCC unroll 4
    for (int r = 0; r < R; r++) {
      const Codes codes = Q::template codes<G>(w[r], v);
#pragma GCC unroll 4
      for (int t = 0; t < T; t++) sums.dots[r][t] = add_pair<Q>(codes, *x[t], d[r][t], v, sums.dots[r][t]);
    }
  }
}

/// The last group of a row, of `blocks` < 8 blocks.
template <Quantized Q, int R, int T>
inline void add_last(int blocks, const uint8_t* const (&w)[R], const ActivationGroup* const (&x)[T],
                     Sums<Q, R, T>& sums) {
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

template <Quantized Q, int R, int T>
void dot_rows(const uint8_t* const (&rows)[R], const LinearInput& x, int t0, float (&out)[R][T]) {
  const int groups = x.cols / kGroup, bytes = 8 / Q::kBlocks * Q::kBytes;
  Sums<Q, R, T> sums = {};
  const uint8_t* w[R];
  const ActivationGroup* token[T];
  for (int r = 0; r < R; r++) w[r] = rows[r];
  for (int t = 0; t < T; t++) token[t] = x.groups + int64_t{t0 + t} * activation_groups(x.cols);
  for (int i = 0; i < groups; i++) {
    for (int r = 0; r < R; r++) prefetch(w[r], bytes);
    add_group<Q, 8>(w, token, sums);
    for (int r = 0; r < R; r++) w[r] += bytes;
    for (int t = 0; t < T; t++) token[t]++;
  }
  add_last<Q>(x.cols / 32 - 8 * groups, w, token, sums);
  for (int r = 0; r < R; r++) {
    for (int t = 0; t < T; t++) {
      S8 total = sums.dots[r][t];
      if constexpr (!Q::kSigned) total = add_all(total, sums.mins[r][t]);
      out[r][t] = sum8(total);
    }
  }
}

template <class P, int R, int T>
requires(!Quantized<P>) void dot_rows(const uint8_t* const (&rows)[R], const LinearInput& x, int t0,
                                      float (&out)[R][T]) {
  const float* tokens = x.x + int64_t{t0} * x.cols;
  F sums[R][T] = {};
  int k = 0;
  for (; k + kLanes <= x.cols; k += kLanes) {
    for (int r = 0; r < R; r++) {
      prefetch(rows[r] + int64_t{k} * P::kBytes, 1);
      const F w = P::load(rows[r], k);
      for (int t = 0; t < T; t++) sums[r][t] = fma(w, load(tokens + int64_t{t} * x.cols + k), sums[r][t]);
    }
  }
  if (const int left = x.cols - k; left > 0) {
    for (int r = 0; r < R; r++) {
      const F w = P::load_n(rows[r], k, left);
      for (int t = 0; t < T; t++) sums[r][t] = fma(w, load_n(tokens + int64_t{t} * x.cols + k, left), sums[r][t]);
    }
  }
  for (int r = 0; r < R; r++)
    for (int t = 0; t < T; t++) out[r][t] = reduce_add(sums[r][t]);
}

/// Rows [first, last) for tokens [t0, t0 + T).
template <class Q, int R, int T>
void multiply_rows(const Projection& p, const LinearInput& x, int first, int last, int t0) {
  const Weight& w = *p.weight;
  const int64_t stride = row_bytes(w.dtype, w.cols);
  for (int row = first; row < last; row += R) {
    // Past the end the last row is computed again, and dropped.
    const uint8_t* rows[R];
    for (int r = 0; r < R; r++) rows[r] = w.data + std::min(row + r, last - 1) * stride;
    float out[R][T];
    dot_rows<Q, R, T>(rows, x, t0, out);
    for (int r = 0; r < R && row + r < last; r++) {
      const float bias = p.bias != nullptr ? p.bias[row + r] : 0.0f;
      for (int t = 0; t < T; t++) p.y[int64_t{t0 + t} * w.rows + row + r] = out[r][t] + bias;
    }
  }
}

}  // namespace

void decode_rows(const Projection& projection, const LinearInput& x, int first, int last) {
  with_format(projection.weight->dtype, [&]<class Q>(Q) {
    // Few rows at a time, so that they come from memory once and then from L1 for all tokens.
    for (int row = first; row < last; row += 4) {
      const int end = std::min(row + 4, last);
      int t = 0;
      for (; t + 4 <= x.n; t += 4) multiply_rows<Q, 1, 4>(projection, x, row, end, t);
      for (; t + 2 <= x.n; t += 2) multiply_rows<Q, 2, 2>(projection, x, row, end, t);
      if (t < x.n) multiply_rows<Q, 2, 1>(projection, x, row, end, t);
    }
  });
}

}  // namespace rkv::cpu::RKV_ISA
