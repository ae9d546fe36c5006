// Rows between f32 and the forms that projections work on, and the table that names all kernels of a level.
#include "cpu/linear_isa.h"
#include "cpu/linear_stage.h"

namespace rkv::cpu::RKV_ISA {

void quantize_row(const float* x, int cols, ActivationGroup* groups) {
  const __m256i magnitude = _mm256_set1_epi32(0x7fffffff);
  if (cols % kGroup != 0) groups[cols / kGroup] = {};
  for (int block = 0; block < cols / 32; block++) {
    ActivationGroup& group = groups[block / 8];
    const int i8 = block % 8;
    __m256 v[4];
    __m256i most = _mm256_setzero_si256();
    for (int i = 0; i < 4; i++) {
      v[i] = _mm256_loadu_ps(x + 32 * block + 8 * i);
      // Magnitudes compare like integers, and so does NaN as the largest: it gets into the scale and comes out again.
      most = _mm256_max_epu32(most, _mm256_and_si256(_mm256_castps_si256(v[i]), magnitude));
    }
    __m128i m = _mm_max_epu32(_mm256_castsi256_si128(most), _mm256_extracti128_si256(most, 1));
    m = _mm_max_epu32(m, _mm_shuffle_epi32(m, 0x4e));
    m = _mm_max_epu32(m, _mm_shuffle_epi32(m, 0xb1));
    const float max = _mm_cvtss_f32(_mm_castsi128_ps(m));
    const float scale = max / 127.0f;
    const __m256 inverse = _mm256_set1_ps(max > 1e-30f ? 127.0f / max : 0.0f);

    __m256i q[4];
    for (int i = 0; i < 4; i++) q[i] = _mm256_cvtps_epi32(_mm256_mul_ps(v[i], inverse));
    const __m256i words = _mm256_packs_epi32(q[0], q[1]), more = _mm256_packs_epi32(q[2], q[3]);
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    const __m256i bytes = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(words, more), order);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(group.q[i8 / 2][0][i8 % 2]), _mm256_castsi256_si128(bytes));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(group.q[i8 / 2][1][i8 % 2]), _mm256_extracti128_si256(bytes, 1));

    const __m256i pairs = _mm256_maddubs_epi16(_mm256_set1_epi8(1), bytes);
    __m256i sums = _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
    sums = _mm256_add_epi32(sums, _mm256_shuffle_epi32(sums, 0x4e));
    sums = _mm256_add_epi32(sums, _mm256_shuffle_epi32(sums, 0xb1));
    const int low = _mm256_extract_epi32(sums, 0), high = _mm256_extract_epi32(sums, 4);
    group.scale[i8] = group.scale16[2 * i8] = group.scale16[2 * i8 + 1] = scale;
    group.sum[i8] = scale * static_cast<float>(low + high);
    group.sum16[2 * i8] = scale * static_cast<float>(low);
    group.sum16[2 * i8 + 1] = scale * static_cast<float>(high);
  }
}

void round_row(const float* x, int cols, uint16_t* bf16) {
  int k = 0;
#ifdef __AVX512BF16__
  for (; k + 16 <= cols; k += 16) {
    const auto rounded = (__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(x + k));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(bf16 + k), rounded);
  }
#endif
  for (; k < cols; k++) bf16[k] = f32_to_bf16(x[k]);
  for (; k < bf16_stride(cols); k++) bf16[k] = 0;
}

void dequantize_row(DType dtype, const uint8_t* row, int cols, float* out) {
  with_format(dtype, [&]<class Q>(Q) {
    if constexpr (Quantized<Q>) {
      Stage stage;
      for (int k = 0; k < cols; k += kGroup) {
        const int n = std::min(kGroup, cols - k);
        stage_blocks<Q>(at<Q>(row, k), n / 32, stage);
        for (int i = 0; i < n; i += kLanes) store(out + k + i, stage.values(i, kScaleShift<Q>));
      }
    } else {
      int k = 0;
      for (; k + kLanes <= cols; k += kLanes) store(out + k, Q::load(row, k));
      if (k < cols) store_n(out + k, Q::load_n(row, k, cols - k), cols - k);
    }
  });
}

#ifdef __AVX512BF16__
constexpr bool kHasBf16Dot = true;
#else
constexpr bool kHasBf16Dot = false;
#endif

extern const LinearKernels linear_table;
const LinearKernels linear_table = {kPrefillPanelRows, kHasBf16Dot,   quantize_row,  round_row,
                                    decode_rows,       prefill_panel, dequantize_row};

}  // namespace rkv::cpu::RKV_ISA
