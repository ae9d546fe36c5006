// Codes to rows and back. Decoding is what attention over quantised rows waits for, so it works on whole vectors.
#include "cpu/attend_vec.h"
#include "cpu/code_kernels.h"

namespace rkv::cpu::RKV_ISA {

namespace {

/// kLanes codes as numbers; with `n` < kLanes left only those are read.
template <int kBits>
F load_codes(const uint8_t* p, int n) {
#ifdef __AVX512F__
  const __m512i mask = _mm512_set1_epi32((1 << kBits) - 1);
  if constexpr (kBits == 8) return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(first(n), p)));
  uint64_t word = 0;
  if (n >= kLanes)
    std::memcpy(&word, p, kLanes * kBits / 8);
  else
    std::memcpy(&word, p, kLanes / 2 * kBits / 8);  // dims come in eights
  const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  // The word's halves hold 8 codes each of 4 bits; all 16 of 2 bits are in the lower one.
  const __m512i half = kBits == 4 ? _mm512_srli_epi32(lane, 3) : _mm512_setzero_si512();
  const __m512i words = _mm512_permutexvar_epi32(half, _mm512_set1_epi64(static_cast<int64_t>(word)));
  const __m512i shift = _mm512_and_si512(_mm512_mullo_epi32(lane, _mm512_set1_epi32(kBits)), _mm512_set1_epi32(31));
  return _mm512_cvtepi32_ps(_mm512_and_si512(_mm512_srlv_epi32(words, shift), mask));
#else
  (void)n;  // dims come in eights
  if constexpr (kBits == 8)
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
  int32_t word = 0;
  std::memcpy(&word, p, kLanes * kBits / 8);
  const __m256i shift = _mm256_mullo_epi32(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), _mm256_set1_epi32(kBits));
  const __m256i codes = _mm256_srlv_epi32(_mm256_set1_epi32(word), shift);
  return _mm256_cvtepi32_ps(_mm256_and_si256(codes, _mm256_set1_epi32((1 << kBits) - 1)));
#endif
}

template <int kBits>
void decode_codes(const uint8_t* codes, const float* scale, const float* min, int d, float* x) {
  for (int i = 0; i < d; i += kLanes) {
    const F code = load_codes<kBits>(codes + i * kBits / 8, d - i);
    store_n(x + i, fma(code, load_n(scale + i, d - i), load_n(min + i, d - i)), d - i);  // the product is exact
  }
}

void decode_f32(const uint8_t* codes, int bits, const float* scale, const float* min, int d, float* x) {
  if (bits == 2)
    decode_codes<2>(codes, scale, min, d, x);
  else if (bits == 4)
    decode_codes<4>(codes, scale, min, d, x);
  else
    decode_codes<8>(codes, scale, min, d, x);
}

template <class T>
void decode(const uint8_t* codes, int bits, const float* scale, const float* min, int d, void* row) {
  if constexpr (sizeof(T) == sizeof(float)) {
    decode_f32(codes, bits, scale, min, d, static_cast<float*>(row));
  } else {
    float x[kMaxHeadDim];
    decode_f32(codes, bits, scale, min, d, x);
    for (int i = 0; i < d; i++) static_cast<uint16_t*>(row)[i] = f32_to_bf16(x[i]);
  }
}

template <class T>
void encode(const void* row, int bits, const float* scale, const float* min, int d, uint8_t* codes) {
  float code[kMaxHeadDim];
  const F highest = set1(static_cast<float>((1 << bits) - 1));
  for (int i = 0; i < d; i += kLanes) {
    const F x = sub(load_row_n(static_cast<const T*>(row) + i, d - i), load_n(min + i, d - i));
    const F steps = div(x, load_n(scale + i, d - i));
    store_n(code + i, round(rkv::cpu::RKV_ISA::min(max(steps, zero()), highest)), d - i);
  }
  const int per_byte = 8 / bits;
  for (int i = 0; i < d; i += per_byte) {
    int byte = 0;
    for (int j = 0; j < per_byte; j++) byte |= static_cast<int>(code[i + j]) << (j * bits);
    codes[i / per_byte] = static_cast<uint8_t>(byte);
  }
}

template <class T>
void widen(const void* row, int d, float* x) {
  for (int i = 0; i < d; i += kLanes) store_n(x + i, load_row_n(static_cast<const T*>(row) + i, d - i), d - i);
}

void to_f16(const float* x, int n, uint16_t* y) {
  for (int i = 0; i < n; i++) y[i] = _cvtss_sh(x[i], _MM_FROUND_TO_NEAREST_INT);
}

void from_f16(const uint16_t* x, int n, float* y) {
  int i = 0;
  for (; i + kLanes <= n; i += kLanes) store(y + i, load_f16(x + i));
  for (; i < n; i++) y[i] = _cvtsh_ss(x[i]);
}

template <class T>
constexpr CodeKernels kernels{decode<T>, encode<T>, widen<T>, to_f16, from_f16};

}  // namespace

extern const CodeKernels code_f32, code_bf16;
const CodeKernels code_f32 = kernels<float>, code_bf16 = kernels<uint16_t>;

}  // namespace rkv::cpu::RKV_ISA
