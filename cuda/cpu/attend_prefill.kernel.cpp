// Flash attention tile by tile (arXiv:2205.14135): scores of a tile, running softmax, weighted values.
#include "cpu/attend_tile.h"

namespace rkv::cpu::RKV_ISA {

namespace {

float highest(const float* score, int vecs, float top) {
  F best = set1(top);
  for (int v = 0; v < vecs; v++) best = max(best, load(score + v * kLanes));
  return reduce_max(best);
}

/// f32 values as they are, dims padded with zeros.
template <class T>
void pack_v_plain(const void* const* v, int n, int d, float* tile) {
  for_v_panels((d + kLanes - 1) / kLanes, [&](int from, int vecs) {
    float* to = tile + from * kLanes * kTileKeys;
    for (int key = 0; key < (n + kLanes - 1) / kLanes * kLanes; key++) {
      for (int i = 0; i < vecs; i++, to += kLanes) {
        const int at = (from + i) * kLanes;
        store(to, key < n ? load_row_n(static_cast<const T*>(v[key]) + at, d - at) : zero());
      }
    }
  });
}

/// Everything in f32; scores are exponents of e.
struct F32Prefill : F32Math {
  static constexpr float kScoreUnit = 1;

  static void pack_q(const float* q, int n, float scale, float* words) {
    for (int i = 0; i < n; i += kLanes) store_n(words + i, mul(load_n(q + i, n - i), set1(scale)), n - i);
  }

  /// Turn scores into weights; returns their sum.
  static float soften(float* score, int vecs, float top) {
    F sum = zero();
    for (int v = 0; v < vecs; v++) {
      const F weight = exp(sub(load(score + v * kLanes), set1(top)));
      store(score + v * kLanes, weight);
      sum = add(sum, weight);
    }
    return reduce_add(sum);
  }

  static F power(F x) { return exp(x); }
};

#ifdef __AVX512BF16__

/// 2^x for x <= 127, relative error below 3e-6: plenty for weights that are rounded to 8 bits.
inline F exp2_coarse(F x) {
  x = max(x, set1(-127.0f));
  const F n = round(x), r = sub(x, n);
  F p = set1(9.5701019e-3f);
  p = fma(p, r, set1(5.5917860e-2f));
  p = fma(p, r, set1(2.4024745e-1f));
  p = fma(p, r, set1(6.9312181e-1f));
  p = fma(p, r, set1(9.9999926e-1f));
  return scale2(p, n);
}

/// Products of bf16; scores are exponents of 2.
struct Bf16Prefill : Bf16Math {
  static constexpr float kScoreUnit = 1.44269504088896341f;  // log2 e

  static void pack_q(const float* q, int n, float scale, float* words) {
    for (int i = 0; i < n; i += kLanes) {
      const __m256bh pairs = _mm512_cvtneps_pbh(mul(load_n(q + i, n - i), set1(scale)));
      _mm256_mask_storeu_epi16(words + i / kPerWord, first(n - i), reinterpret_cast<__m256i>(pairs));
    }
  }

  /// Turn scores into bf16 weights, in place; returns the sum of the rounded ones, so that they add up to 1.
  static float soften(float* score, int vecs, float top) {
    const __m512i ones = _mm512_set1_epi32(0x3f803f80);
    F sum = zero();
    for (int v = 0; v < vecs; v += 2) {
      const F a = exp2_coarse(sub(load(score + v * kLanes), set1(top)));
      const F b = v + 1 < vecs ? exp2_coarse(sub(load(score + (v + 1) * kLanes), set1(top))) : zero();
      const F pairs = reinterpret_cast<F>(_mm512_cvtne2ps_pbh(b, a));
      store(score + v * kLanes / kPerWord, pairs);
      sum = dot(sum, pairs, _mm512_castsi512_ps(ones));
    }
    return reduce_add(sum);
  }

  static F power(F x) { return exp(mul(x, set1(0.693147180559945309f))); }  // exactly 0 where nothing was seen

  /// Rows 2j and 2j + 1 interleaved, dims padded with zeros.
  static void pack_v(const void* const* v, int n, int d, float* tile) {
    const auto load_bits = [&](int key, int at) {
      const uint16_t* row = static_cast<const uint16_t*>(v[key]) + at;
      return key < n ? _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(first(d - at), row)) : _mm512_setzero_si512();
    };
    for_v_panels((d + kLanes - 1) / kLanes, [&](int from, int vecs) {
      float* to = tile + from * kLanes * kTileKeys / kPerWord;
      for (int key = 0; key < (n + kLanes - 1) / kLanes * kLanes; key += 2) {
        for (int i = 0; i < vecs; i++, to += kLanes) {
          const int at = (from + i) * kLanes;
          const __m512i odd = _mm512_slli_epi32(load_bits(key + 1, at), 16);
          store(to, _mm512_castsi512_ps(_mm512_or_si512(load_bits(key, at), odd)));
        }
      }
    });
  }
};

#endif

template <class Math>
void attend_tile(const QueryTile& queries, int d, const float* k_tile, const float* v_tile, int slot, int n_keys) {
  const int rows = queries.rows;
  const int seen = queries.end[rows - 1] - slot;  // the last row sees most
  const int vecs = ((seen < n_keys ? seen : n_keys) + kLanes - 1) / kLanes, width = vecs * kLanes;
  score_tile<Math>(queries.q, rows, d, k_tile, vecs, queries.score);

  for (int r = 0; r < rows; r++) {
    float* score = queries.score + r * kTileKeys;
    const int begin = queries.begin[r] - slot, end = queries.end[r] - slot;
    const int last = end < n_keys ? end : n_keys;
    if (begin > 0 || last < width) hide_keys(score, begin, last, width);
    const float top = highest(score, vecs, queries.top[r]);
    queries.keep[r] = queries.top[r] - top;
    queries.top[r] = top;
    queries.fresh[r] = Math::soften(score, vecs, top);
  }
  for (int r = 0; r < rows; r += kLanes) {
    const F keep = Math::power(load_n(queries.keep + r, rows - r));
    const F sum = fma(load_n(queries.sum + r, rows - r), keep, load_n(queries.fresh + r, rows - r));
    store_n(queries.keep + r, keep, rows - r);
    store_n(queries.sum + r, sum, rows - r);
  }

  const int d_vecs = (d + kLanes - 1) / kLanes, words = width / Math::kPerWord;
  for_v_panels(d_vecs, [&](int from, int panel) {
    multiply<Math>(queries.score, kTileKeys, rows, v_tile + from * kLanes * (kTileKeys / Math::kPerWord),
                   panel * kLanes, words, panel, queries.keep, queries.out + from * kLanes, d_vecs * kLanes);
  });
}

template <class Math, class T>
constexpr PrefillKernels kernels(void (*pack_v)(const void* const*, int, int, float*)) {
  return {Math::kPerWord, kLanes, Math::pack_q, Math::kScoreUnit, pack_k<Math, T>, pack_v, attend_tile<Math>};
}

}  // namespace

extern const PrefillKernels prefill_f32, prefill_bf16;
const PrefillKernels prefill_f32 = kernels<F32Prefill, float>(pack_v_plain<float>);
#ifdef __AVX512BF16__
const PrefillKernels prefill_bf16 = kernels<Bf16Prefill, uint16_t>(Bf16Prefill::pack_v);
#else
const PrefillKernels prefill_bf16 = kernels<F32Prefill, uint16_t>(pack_v_plain<uint16_t>);
#endif

}  // namespace rkv::cpu::RKV_ISA
