#include <algorithm>
#include <cmath>

#include "core/numeric.h"
#include "cpu/vec.h"
#include "cpu/vector_kernels.h"

namespace rkv::cpu::RKV_ISA {
namespace {

// With n known to be kLanes these are whole loads and stores.
inline F load_part(const float* p, int n) { return n == kLanes ? load(p) : load_n(p, n); }
inline void store_part(float* p, F x, int n) { n == kLanes ? store(p, x) : store_n(p, x, n); }

/// fn(k, n) for vectors [k, k + n) of `count` elements; n < kLanes for the last one at most.
template <class Fn>
inline void for_vectors(int64_t count, Fn&& fn) {
  int64_t k = 0;
  for (; k + kLanes <= count; k += kLanes) fn(k, kLanes);
  if (k < count) fn(k, static_cast<int>(count - k));
}

void rms_norm(const float* x, const float* weight, float eps, int rows, int dim, float* y) {
  constexpr int kStretch = 16 * kLanes;  // summed in f32, and then in f64: the sum of a long row is exact to f32
  for (int row = 0; row < rows; row++, x += dim, y += dim) {
    double total = 0;
    for (int from = 0; from < dim; from += kStretch) {
      F squares = zero();
      for_vectors(std::min(kStretch, dim - from), [&](int64_t k, int n) {
        const F v = load_part(x + from + k, n);
        squares = fma(v, v, squares);
      });
      total += reduce_add(squares);
    }
    const F scale = set1(static_cast<float>(1.0 / std::sqrt(total / dim + eps)));
    for_vectors(dim, [&](int64_t k, int n) {
      store_part(y + k, mul(mul(load_part(x + k, n), scale), load_part(weight + k, n)), n);
    });
  }
}

void add_to(float* x, const float* y, int64_t count) {
  for_vectors(count, [&](int64_t k, int n) { store_part(x + k, add(load_part(x + k, n), load_part(y + k, n)), n); });
}

void silu_mul(float* gate, const float* up, int64_t count) {
  for_vectors(count, [&](int64_t k, int n) {
    const F g = load_part(gate + k, n);
    const F e = exp(min(sub(zero(), g), set1(88.0f)));  // beyond that, silu is 0 to any purpose
    store_part(gate + k, mul(div(g, add(set1(1.0f), e)), load_part(up + k, n)), n);
  });
}

#ifdef __AVX512F__
inline F swap_pairs(F x) { return _mm512_permute_ps(x, 0xb1); }
inline F even_twice(F x) { return _mm512_moveldup_ps(x); }
inline F odd_twice(F x) { return _mm512_movehdup_ps(x); }
/// a * b - c in even lanes, a * b + c in odd ones.
inline F fma_sub_add(F a, F b, F c) { return _mm512_fmaddsub_ps(a, b, c); }
/// Even, then odd elements of 2 kLanes at p.
inline void load_pairs(const float* p, F& even, F& odd) {
  const __m512i i = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  even = _mm512_permutex2var_ps(load(p), i, load(p + kLanes));
  odd = _mm512_permutex2var_ps(load(p), _mm512_add_epi32(i, _mm512_set1_epi32(1)), load(p + kLanes));
}
#else
inline F swap_pairs(F x) { return _mm256_permute_ps(x, 0xb1); }
inline F even_twice(F x) { return _mm256_moveldup_ps(x); }
inline F odd_twice(F x) { return _mm256_movehdup_ps(x); }
/// a * b - c in even lanes, a * b + c in odd ones.
inline F fma_sub_add(F a, F b, F c) { return _mm256_fmaddsub_ps(a, b, c); }
/// Even, then odd elements of 2 kLanes at p.
inline void load_pairs(const float* p, F& even, F& odd) {
  const F low = _mm256_permute2f128_ps(load(p), load(p + kLanes), 0x20);
  const F high = _mm256_permute2f128_ps(load(p), load(p + kLanes), 0x31);
  even = _mm256_shuffle_ps(low, high, 0x88);
  odd = _mm256_shuffle_ps(low, high, 0xdd);
}
#endif

inline void rotate(float& a, float& b, const float* cos_sin) {
  const float x = a;
  a = x * cos_sin[0] - b * cos_sin[1];
  b = b * cos_sin[0] + x * cos_sin[1];
}

void rope(float* x, int heads, int d, int pairs, bool interleaved, const float* table) {
  for (int h = 0; h < heads; h++, x += d) {
    int i = 0;
    if (interleaved) {
      for (; i + kLanes / 2 <= pairs; i += kLanes / 2) {
        const F v = load(x + 2 * i), t = load(table + 2 * i);
        store(x + 2 * i, fma_sub_add(v, even_twice(t), mul(swap_pairs(v), odd_twice(t))));
      }
      for (; i < pairs; i++) rotate(x[2 * i], x[2 * i + 1], table + 2 * i);
    } else {
      for (; i + kLanes <= pairs; i += kLanes) {
        F c, s;
        load_pairs(table + 2 * i, c, s);
        const F a = load(x + i), b = load(x + pairs + i);
        store(x + i, sub(mul(a, c), mul(b, s)));
        store(x + pairs + i, fma(a, s, mul(b, c)));
      }
      for (; i < pairs; i++) rotate(x[i], x[i + pairs], table + 2 * i);
    }
  }
}

void to_bf16(const float* __restrict x, int count, uint16_t* __restrict out) {
  for (int i = 0; i < count; i++) out[i] = f32_to_bf16(x[i]);
}

uint64_t read(const uint64_t* words, int64_t count) {
  uint64_t sum = 0;
  for (int64_t i = 0; i < count; i++) sum += words[i];
  return sum;
}

}  // namespace

extern const VectorKernels vector_table;
const VectorKernels vector_table = {rms_norm, add_to, silu_mul, rope, to_bf16, read};

}  // namespace rkv::cpu::RKV_ISA
