// Matrix times few rows, the matrix in place: bound by how fast weights arrive from memory.
//
// A call of dot_rows() takes R rows of weights and T tokens, with R * T sums in registers. Which R and T it is depends
// on what is left to do, so every sum must be formed in one order for all of them: the same bits come out.
#include "cpu/linear_kernels.h"
#include "cpu/quant_formats.h"

namespace rkv::cpu::RKV_ISA {
namespace {

// Bytes ahead: the time of a memory access at some 10 GB/s, beyond what the hardware fetches across short rows.
constexpr int kPrefetch = 4096;

inline void prefetch(const uint8_t* p, int bytes) {
  for (int i = 0; i < bytes; i += 64) _mm_prefetch(p + kPrefetch + i, _MM_HINT_T0);
}

inline const float* scales_of(const QuantizedRow& x, int block, S8) { return x.scale + block; }
inline const float* scales_of(const QuantizedRow& x, int block, S16) { return x.scale16 + 2 * block; }
inline const float* sums_of(const QuantizedRow& x, int block, S8) { return x.sum + block; }
inline const float* sums_of(const QuantizedRow& x, int block, S16) { return x.sum16 + 2 * block; }

template <class Q, int R, int T>
struct Sums {
  F dots[R][T];              // d * scale * sum of code * q
  typename Q::S mins[R][T];  // m * scale * sum of q
};

/// Add the products of G blocks, which are blocks [block, block + G) of the activations.
template <class Q, int G, int R, int T>
inline void add_group(const uint8_t* const (&w)[R], int block, const QuantizedRow* x, Sums<Q, R, T>& sums) {
  using S = typename Q::S;
  S d[R][T];
  for (int r = 0; r < R; r++) {
    S weight_d, weight_m;
    Q::template scales<G>(w[r], weight_d, weight_m);
    for (int t = 0; t < T; t++) {
      S scale, sum;
      load_scales(scales_of(x[t], block, S{}), scale);
      d[r][t] = mul(weight_d, scale);
      if constexpr (!Q::kSigned) {
        load_scales(sums_of(x[t], block, S{}), sum);
        sums.mins[r][t] = fma(weight_m, sum, sums.mins[r][t]);
      }
    }
  }
#pragma GCC unroll 8
  for (int v = 0; v < (32 * G + kCodes - 1) / kCodes; v++) {
    for (int r = 0; r < R; r++) {
      const Codes codes = Q::template codes<G>(w[r], v);
      for (int t = 0; t < T; t++) {
        const int8_t* q = x[t].q + 32 * block + kCodes * v;
        const F products = dot<Q::kSigned>(codes, q);
        sums.dots[r][t] = fma(products, spread(d[r][t], v), sums.dots[r][t]);
      }
    }
  }
}

template <Quantized Q, int R, int T>
void dot_rows(const uint8_t* const (&rows)[R], const LinearInput& x, int t0, float (&out)[R][T]) {
  const int blocks = x.cols / 32;
  const QuantizedRow* tokens = x.rows + t0;
  Sums<Q, R, T> sums = {};
  const uint8_t* w[R];
  for (int r = 0; r < R; r++) w[r] = rows[r];
  int block = 0;
  const auto add = [&]<int G>() {
    add_group<Q, G, R, T>(w, block, tokens, sums);
    block += G;
    for (int r = 0; r < R; r++) w[r] += G / Q::kBlocks * Q::kBytes;
  };
  while (block + 8 <= blocks) {
    for (int r = 0; r < R; r++) prefetch(w[r], 8 / Q::kBlocks * Q::kBytes);
    add.template operator()<8>();
  }
  if constexpr (Q::kBlocks == 1) {
    if (blocks & 4) add.template operator()<4>();
    if (blocks & 2) add.template operator()<2>();
    if (blocks & 1) add.template operator()<1>();
  }
  for (int r = 0; r < R; r++) {
    for (int t = 0; t < T; t++) {
      out[r][t] = reduce_add(sums.dots[r][t]);
      if constexpr (!Q::kSigned) out[r][t] += reduce_add(sums.mins[r][t]);
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
      if (t < x.n) multiply_rows<Q, 4, 1>(projection, x, row, end, t);
    }
  });
}

}  // namespace rkv::cpu::RKV_ISA
