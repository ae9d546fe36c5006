// Matrix times many rows: a panel of the matrix is unpacked, transposed, and multiplied with one tile of tokens after
// the other. Bound by arithmetic.
//
//   panel  [k, kPanelRows] f32, or [k / 2, kPanelRows, 2] bf16: a step of k is one vector load for kLanes output rows
//   tile   up to kTileTokens x kPanelRows sums, in registers for a whole run over k
#include "cpu/linear_isa.h"
#include "cpu/linear_stage.h"
#include "cpu/transpose.h"

namespace rkv::cpu::RKV_ISA {
namespace {

#ifdef __AVX512F__
constexpr int kVectors = 4;  // of sums for one token: 6 x 4, with 4 of weights and one of x, fill 32 registers
#else
constexpr int kVectors = 2;  // 6 x 2 + 2 + 1 of 16 registers
#endif
constexpr int kPanelRows = kVectors * kLanes;
// Depth of a panel: 128 KiB, which leaves room in an L2 of 512 KiB and more for the tokens.
constexpr int kDepth = 512;
static_assert(kDepth % kGroup == 0 && kDepth * kPanelRows * 4 <= kPanelBytes);

/// Tokens and output rows of one tile, and where they are.
struct Tile {
  float* y;  // first token, first output row
  int64_t y_stride;
  const float* bias;  // of the first output row, or NULL
  int rows;           // output rows that exist, <= kPanelRows
  bool again;         // y holds the sums over the k before
};

template <int M>
inline void begin(const Tile& tile, F (&sums)[M][kVectors]) {
  for (int m = 0; m < M; m++) {
    for (int v = 0; v < kVectors; v++) {
      const int left = tile.rows - v * kLanes;
      const float* from = tile.again ? tile.y + m * tile.y_stride : tile.bias;
      sums[m][v] = from == nullptr  ? zero()
                   : left >= kLanes ? load(from + v * kLanes)
                                    : load_n(from + v * kLanes, left);
    }
  }
}

template <int M>
inline void end(const Tile& tile, const F (&sums)[M][kVectors]) {
  for (int m = 0; m < M; m++) {
    for (int v = 0; v < kVectors; v++) {
      const int left = tile.rows - v * kLanes;
      float* to = tile.y + m * tile.y_stride + v * kLanes;
      if (left >= kLanes) {
        store(to, sums[m][v]);
      } else if (left > 0) {
        store_n(to, sums[m][v], left);
      }
    }
  }
}

/// M tokens at x against `depth` elements of an f32 panel.
struct DotF32 {
  using X = float;
  static constexpr int kStep = 1;

  template <int M>
  static void multiply(const Tile& tile, const float* x, int64_t x_stride, const void* panel, int depth) {
    const auto* w = static_cast<const float*>(panel);
    F sums[M][kVectors];
    begin(tile, sums);
    for (int k = 0; k < depth; k++, w += kPanelRows) {
      F weights[kVectors];
      for (int v = 0; v < kVectors; v++) weights[v] = load(w + v * kLanes);
      for (int m = 0; m < M; m++) {
        const F token = set1(x[m * x_stride + k]);
        for (int v = 0; v < kVectors; v++) sums[m][v] = fma(token, weights[v], sums[m][v]);
      }
    }
    end(tile, sums);
  }

  /// Elements [k, k + depth) of kLanes rows, to every kPanelRows-th vector of the panel.
  template <class Q>
  static void unpack(const uint8_t* const (&rows)[kLanes], int k, int depth, void* panel) {
    auto* out = static_cast<float*>(panel);
    if constexpr (Quantized<Q>) {
      Stage stage[kLanes];
      for (int done = 0; done < depth; done += kGroup) {
        const int n = std::min(kGroup, depth - done);
        for (int r = 0; r < kLanes; r++) stage_blocks<Q>(at<Q>(rows[r], k + done), n / 32, stage[r]);
        for (int i = 0; i < n; i += kLanes) {
          F x[kLanes];
          for (int r = 0; r < kLanes; r++) x[r] = stage[r].values(i, kScaleShift<Q>);
          transpose(x);
          for (int j = 0; j < kLanes; j++) store(out + (done + i + j) * kPanelRows, x[j]);
        }
      }
    } else {
      for (int i = 0; i < depth; i += kLanes) {
        const int n = std::min(kLanes, depth - i);
        F x[kLanes];
        for (int r = 0; r < kLanes; r++) x[r] = n == kLanes ? Q::load(rows[r], k + i) : Q::load_n(rows[r], k + i, n);
        transpose(x);
        for (int j = 0; j < n; j++) store(out + (i + j) * kPanelRows, x[j]);
      }
    }
  }
};

#ifdef __AVX512BF16__

/// M tokens against a bf16 panel, two elements of k at a time.
struct DotBf16 {
  using X = uint16_t;
  static constexpr int kStep = 2;

  template <int M>
  static void multiply(const Tile& tile, const uint16_t* x, int64_t x_stride, const void* panel, int depth) {
    const auto* w = static_cast<const uint16_t*>(panel);
    F sums[M][kVectors];
    begin(tile, sums);
    for (int k = 0; k < depth; k += 2, w += 2 * kPanelRows) {
      __m512bh weights[kVectors];
      for (int v = 0; v < kVectors; v++) weights[v] = (__m512bh)_mm512_loadu_si512(w + 2 * v * kLanes);
      for (int m = 0; m < M; m++) {
        int pair;
        std::memcpy(&pair, x + m * x_stride + k, 4);
        const auto token = (__m512bh)_mm512_set1_epi32(pair);
        for (int v = 0; v < kVectors; v++) sums[m][v] = _mm512_dpbf16_ps(sums[m][v], token, weights[v]);
      }
    }
    end(tile, sums);
  }

  template <class Q>
  static void unpack(const uint8_t* const (&rows)[kLanes], int k, int depth, void* panel) {
    auto* out = static_cast<float*>(panel);  // every lane is a pair of bf16
    if constexpr (Quantized<Q>) {
      Stage stage[kLanes];
      for (int done = 0; done < depth; done += kGroup) {
        const int n = std::min(kGroup, depth - done);
        for (int r = 0; r < kLanes; r++) stage_blocks<Q>(at<Q>(rows[r], k + done), n / 32, stage[r]);
        for (int i = 0; i < n; i += 2 * kLanes) {
          F x[kLanes];
          for (int r = 0; r < kLanes; r++)
            x[r] =
                (F)_mm512_cvtne2ps_pbh(stage[r].values(i + kLanes, kScaleShift<Q>), stage[r].values(i, kScaleShift<Q>));
          transpose(x);
          for (int j = 0; j < kLanes; j++) store(out + ((done + i) / 2 + j) * kPanelRows, x[j]);
        }
      }
    } else {  // bf16 as it is
      for (int i = 0; i < depth; i += 2 * kLanes) {
        const int n = std::min(2 * kLanes, depth - i);
        F x[kLanes];
        for (int r = 0; r < kLanes; r++) {
          const uint8_t* from = rows[r] + 2 * int64_t{k + i};
          x[r] = _mm512_castsi512_ps(_mm512_maskz_loadu_epi16(n == 32 ? ~0u : (1u << n) - 1, from));
        }
        transpose(x);
        for (int j = 0; 2 * j < n; j++) store(out + (i / 2 + j) * kPanelRows, x[j]);
      }
    }
  }
};

#endif

template <class Dot>
using Multiply = void (*)(const Tile&, const typename Dot::X*, int64_t, const void*, int);
template <class Dot>
constexpr Multiply<Dot> kMultiply[] = {nullptr,
                                       Dot::template multiply<1>,
                                       Dot::template multiply<2>,
                                       Dot::template multiply<3>,
                                       Dot::template multiply<4>,
                                       Dot::template multiply<5>,
                                       Dot::template multiply<6>};

template <class Dot, class Q>
void panel_of(const Projection& p, const typename Dot::X* x, int64_t x_stride, int first, int t0, int t1, void* panel) {
  const Weight& w = *p.weight;
  const int64_t stride = row_bytes(w.dtype, w.cols);
  Tile tile = {nullptr, w.rows, p.bias != nullptr ? p.bias + first : nullptr, std::min(kPanelRows, w.rows - first),
               false};
  for (int k = 0; k < w.cols; k += kDepth) {
    const int depth = std::min(kDepth, w.cols - k);
    for (int v = 0; v * kLanes < tile.rows; v++) {
      const uint8_t* rows[kLanes];  // rows past the end repeat the last one; their sums are not stored
      for (int r = 0; r < kLanes; r++) rows[r] = w.data + std::min(first + v * kLanes + r, w.rows - 1) * stride;
      Dot::template unpack<Q>(rows, k, depth, static_cast<float*>(panel) + v * kLanes);
    }
    tile.again = k > 0;
    for (int t = t0; t < t1; t += kTileTokens) {
      tile.y = p.y + int64_t{t} * w.rows + first;
      kMultiply<Dot>[std::min(kTileTokens, t1 - t)](tile, x + t * x_stride + k, x_stride, panel, depth);
    }
  }
}

}  // namespace

const int kPrefillPanelRows = kPanelRows;

void prefill_panel(const Projection& projection, const LinearInput& x, int first, int t0, int t1, void* panel) {
  with_format(projection.weight->dtype, [&]<class Q>(Q) {
#ifdef __AVX512BF16__
    if constexpr (Quantized<Q> || std::is_same_v<Q, PlainBF16>)
      return panel_of<DotBf16, Q>(projection, x.bf16, bf16_stride(x.cols), first, t0, t1, panel);
#endif
    panel_of<DotF32, Q>(projection, x.x, x.cols, first, t0, t1, panel);
  });
}

}  // namespace rkv::cpu::RKV_ISA
