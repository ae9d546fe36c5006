// Decode attention of one warp: rows stream through shared memory, softmax is updated as they come.
//
// kLanes lanes share a row, 16 bytes each (kPieces times where a row is longer); the 32 / kLanes lane groups of a warp
// take different rows and keep softmax states of their own, merged at the end. A lane computes its dims' part of kTile
// rows x kHeads heads; reduce_scatter() then leaves every lane with one whole score, so that each is exponentiated once
// (more often only where there are fewer scores than lanes).
#pragma once

#include "gpu/attend_rows.cuh"
#include "gpu/attend_shape.cuh"

namespace rkv::gpu {

/// Scores are in base 2 and scaled: q comes multiplied by log2(e) / sqrt(d).
template <class Shape>
class WarpAttention {
  using Piece = KvPiece<typename Shape::Element>;
  static constexpr int kHeads = Shape::kHeads, kLanes = Shape::kLanes, kTile = Shape::kTile, kSize = Shape::kSize;

 public:
  /// @param stages  Shared, kStages * kStagePieces of this warp.
  __device__ WarpAttention(const float* q, int heads, int d, float scale, uint4* stages) : stages_(stages) {
    pieces_ = d / Piece::kSize;
    row_bytes_ = pieces_ * static_cast<int>(sizeof(uint4));
#pragma unroll
    for (int h = 0; h < kHeads; h++) {
#pragma unroll
      for (int i = 0; i < kSize; i++) {
        const int dim = dim_of(i);
        q_[h][i] = h < heads && dim < d ? q[h * d + dim] * scale : 0.0f;
        sum_[h][i] = 0;
      }
    }
  }

  /// Attend to the rows of this warp: every kAttendWarps-th tile of the range.
  __device__ void run(const CacheView& cache, const TokenRange& range, int warp) {
    const int group = lane() / kLanes;
    int token = range.begin + warp * Shape::kWarpRows + group * kTile;  // first one to be copied next
    if (range.begin + warp * Shape::kWarpRows >= range.end) return;     // the whole warp has none
    RowCursor cursor(cache, range.slot(min(token, range.end - 1)));
    int slot[kTile];
    look_up(range, token, slot);
    constexpr int kStep = kAttendWarps * Shape::kWarpRows;
    const auto issue = [&](int stage) {
      if constexpr (Shape::Rows::kCoded)
        decode_tile(cursor, range, token, slot, stage);
      else
        copy_tile(cursor, range, token, slot, stage);
      token += kStep;
      look_up(range, token, slot);
    };
#pragma unroll
    for (int s = 0; s < Shape::kStages - 1; s++) issue(s);
    int stage = 0;
    for (int at = range.begin + warp * Shape::kWarpRows; at < range.end; at += kStep) {
      cp_async_wait<Shape::kStages - 2>();
      take_tile(stage, range.end - (at + group * kTile));
      issue(stage == 0 ? Shape::kStages - 1 : stage - 1);
      stage = stage + 1 == Shape::kStages ? 0 : stage + 1;
    }
    cp_async_wait<0>();
  }

  /// Bring the lane groups together: sums of rows [kHeads, kRow], then the highest score and the sum of weights
  /// [kHeads] each, to shared memory.
  __device__ void write(float* rows, float* top, float* total) {
#pragma unroll
    for (int bit = kLanes / 2; bit >= kLanes / kTile; bit /= 2) total_ += __shfl_xor_sync(kFullWarp, total_, bit);
    float highest = top_;
#pragma unroll
    for (int bit = kLanes; bit < kWarp; bit *= 2) highest = fmaxf(highest, __shfl_xor_sync(kFullWarp, highest, bit));
    const float factor = fast_exp2(top_ - highest);
    total_ *= factor;
#pragma unroll
    for (int bit = kLanes; bit < kWarp; bit *= 2) total_ += __shfl_xor_sync(kFullWarp, total_, bit);
    scale_sums(factor);
#pragma unroll
    for (int h = 0; h < kHeads; h++) {
#pragma unroll
      for (int i = 0; i < kSize; i++) {
#pragma unroll
        for (int bit = kLanes; bit < kWarp; bit *= 2) sum_[h][i] += __shfl_xor_sync(kFullWarp, sum_[h][i], bit);
        if (lane() < kLanes) rows[h * Shape::kRow + dim_of(i)] = sum_[h][i];
      }
    }
    if (lane() < kLanes && lane() / Shape::kCopies < kHeads && lane() % Shape::kCopies == 0) {
      top[lane() / Shape::kCopies] = highest;
      total[lane() / Shape::kCopies] = total_;
    }
  }

 private:
  static __device__ __forceinline__ int lane() { return static_cast<int>(threadIdx.x) % kWarp; }
  static __device__ __forceinline__ int piece_of(int p) { return lane() % kLanes + p * kLanes; }
  static __device__ __forceinline__ int dim_of(int i) {
    return piece_of(i / Piece::kSize) * Piece::kSize + i % Piece::kSize;
  }

  static __device__ __forceinline__ void look_up(const TokenRange& range, int token, int (&slot)[kTile]) {
#pragma unroll
    for (int r = 0; r < kTile; r++) slot[r] = token + r < range.end ? range.slot(token + r) : 0;
  }

  /// A lane copies what it will read itself: no barrier is needed.
  __device__ __forceinline__ uint4* staged(int stage, int kv, int row, int p) const {
    return stages_ + stage * Shape::kStagePieces + ((kv * kTile + row) * Shape::kPieces + p) * kWarp + lane();
  }

  __device__ __forceinline__ void copy_tile(RowCursor& cursor, const TokenRange& range, int token,
                                            const int (&slot)[kTile], int stage) {
#pragma unroll
    for (int r = 0; r < kTile; r++) {
      const bool live = token + r < range.end;
      const int64_t at = live ? int64_t{cursor.seek(slot[r])} * row_bytes_ : 0;
#pragma unroll
      for (int p = 0; p < Shape::kPieces; p++) {
        const bool valid = live && piece_of(p) < pieces_;
        const int64_t from = valid ? at + piece_of(p) * static_cast<int>(sizeof(uint4)) : 0;
        cp_async<16>(staged(stage, 0, r, p), cursor.k() + from, valid);
        cp_async<16>(staged(stage, 1, r, p), cursor.v() + from, valid);
      }
    }
    cp_async_commit();
  }

  /// As copy_tile() for rows of codes, but waiting for them.
  __device__ void decode_tile(RowCursor& cursor, const TokenRange& range, int token, const int (&slot)[kTile],
                              int stage) {
    using Rows = typename Shape::Rows;
    const int d = pieces_ * Piece::kSize;
    for (int r = 0; r < kTile; r++) {
      if (token + r < range.end) cursor.seek(slot[r]);
      for (int kv = 0; kv < 2; kv++) {
        for (int p = 0; p < Shape::kPieces; p++) {
          float x[kRowStep] = {};
          const int dim = piece_of(p) * Piece::kSize;
          if (token + r < range.end && piece_of(p) < pieces_) {
            const typename Rows::Row row =
                kv == 0 ? Rows::k(cursor.run(), slot[r], d) : Rows::v(cursor.run(), slot[r], d);
            row.load(dim / kRowStep * kRowStep, x);
          }
          *staged(stage, kv, r, p) = Piece::pack(x, dim % kRowStep);
        }
      }
    }
    cp_async_commit();  // nothing, so that both ways count alike
  }

  /// @param rows  Live ones of this group's kTile, perhaps <= 0.
  __device__ __forceinline__ void take_tile(int stage, int rows) {
    float score[Shape::kScores];
#pragma unroll
    for (int r = 0; r < kTile; r++) {
#pragma unroll
      for (int h = 0; h < kHeads; h++) score[r * kHeads + h] = 0;
#pragma unroll
      for (int p = 0; p < Shape::kPieces; p++) {
        float k[Piece::kSize];
        Piece::unpack(*staged(stage, 0, r, p), k);
#pragma unroll
        for (int h = 0; h < kHeads; h++) {
#pragma unroll
          for (int i = 0; i < Piece::kSize; i++)
            score[r * kHeads + h] = fmaf(q_[h][p * Piece::kSize + i], k[i], score[r * kHeads + h]);
        }
      }
    }
    const float weight = soften(reduce_scatter<kLanes>(score), rows);
#pragma unroll
    for (int r = 0; r < kTile; r++) {
      float w[kHeads];
#pragma unroll
      for (int h = 0; h < kHeads; h++) w[h] = __shfl_sync(kFullWarp, weight, (r * kHeads + h) * Shape::kCopies, kLanes);
#pragma unroll
      for (int p = 0; p < Shape::kPieces; p++) {
        float v[Piece::kSize];
        Piece::unpack(*staged(stage, 1, r, p), v);
#pragma unroll
        for (int h = 0; h < kHeads; h++) {
#pragma unroll
          for (int i = 0; i < Piece::kSize; i++)
            sum_[h][p * Piece::kSize + i] = fmaf(w[h], v[i], sum_[h][p * Piece::kSize + i]);
        }
      }
    }
  }

  /// Softmax weight of this lane's score, relative to the highest one so far.
  __device__ __forceinline__ float soften(float score, int rows) {
    const int row = lane() % kLanes / Shape::kCopies / kHeads;
    if (row >= rows) score = -INFINITY;
    float highest = fmaxf(top_, score);
#pragma unroll
    for (int bit = kLanes / 2; bit >= kLanes / kTile; bit /= 2)
      highest = fmaxf(highest, __shfl_xor_sync(kFullWarp, highest, bit));
    const float factor = fast_exp2(top_ - highest), weight = fast_exp2(score - highest);
    if (__any_sync(kFullWarp, highest > top_)) scale_sums(factor);  // seldom after the first tiles
    total_ = total_ * factor + weight;
    top_ = highest;
    return weight;
  }

  __device__ __forceinline__ void scale_sums(float factor) {
#pragma unroll
    for (int h = 0; h < kHeads; h++) {
      const float f = __shfl_sync(kFullWarp, factor, h * Shape::kCopies, kLanes);
#pragma unroll
      for (int i = 0; i < kSize; i++) sum_[h][i] *= f;
    }
  }

  uint4* const stages_;
  int pieces_, row_bytes_;
  float q_[kHeads][kSize];
  float sum_[kHeads][kSize];            // weighted rows
  float top_ = kLowest, total_ = 0.0f;  // of the head of this lane's score; total_ of its rows only
};

}  // namespace rkv::gpu
