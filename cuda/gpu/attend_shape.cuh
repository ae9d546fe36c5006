// How the rows of decode attention are laid out over the lanes of a warp.
#pragma once

#include <cfloat>
#include <type_traits>

#include "gpu/kv_row.cuh"
#include "gpu/reduce.cuh"

namespace rkv::gpu {

constexpr int kAttendWarps = 4;
constexpr int kAttendThreads = kAttendWarps * kWarp;
/// Below any score: exp2(kLowest - kLowest) is 1 times nothing, where infinities would give NaN.
constexpr float kLowest = -FLT_MAX;

/// How rows meet lanes. Codes are elements by the time they are in shared memory.
template <class Rows_, int kLanes_, int kPieces_, int kHeads_>
struct AttendShape {
  using Rows = Rows_;
  using Element = typename Rows::Element;
  static constexpr int kLanes = kLanes_, kPieces = kPieces_, kHeads = kHeads_;
  static constexpr int kSize = KvPiece<Element>::kSize * kPieces;  // dims per lane
  static constexpr int kRow = kSize * kLanes;                      // dims of a row, padded
  static constexpr int kGroups = kWarp / kLanes;
  static constexpr int kTile = kLanes / kHeads < 4 ? kLanes / kHeads : 4;  // rows of a group at a time
  static constexpr int kWarpRows = kTile * kGroups;
  static constexpr int kScores = kTile * kHeads;
  static constexpr int kCopies = kLanes / kScores;  // lanes that hold the same score
  static constexpr int kStages = kTile == 4 ? 3 : kTile == 2 ? 6 : 8;
  static constexpr int kStagePieces = 2 * kTile * kPieces * kWarp;  // K, then V, of a warp
  static constexpr size_t kSharedBytes = sizeof(uint4) * kAttendWarps * kStages * kStagePieces;
  /// For __launch_bounds__; 0 leaves the number of registers to ptxas. It spills a few bytes of some shapes to make
  /// room for five blocks and more, where shared memory has room for four at most. Not of plain bf16, which stays as it
  /// is; and more than two heads may need more registers than four blocks have.
  static constexpr int kLeastBlocks = kHeads > 2 || std::is_same_v<Rows, KvRows<bf16, false>> ? 0 : 4;
  static_assert(kTile >= 1 && kScores <= kLanes);
  static_assert(sizeof(float) * kAttendWarps * kHeads * (kRow + 2) <= kSharedBytes, "results of warps replace rows");
};

/// Sums over groups of kLanes lanes; lane l gets the one of value l / (kLanes / kValues), all of them get it if there
/// is one value. A step halves the values that a lane still adds up.
template <int kLanes, int kValues>
__device__ __forceinline__ float reduce_scatter(const float (&value)[kValues]) {
  if constexpr (kValues == 1) {
    return warp_sum<kLanes>(value[0]);
  } else {
    constexpr int kHalf = kValues / 2, kBit = kLanes / 2;
    const bool upper = (threadIdx.x & kBit) != 0;
    float half[kHalf];
#pragma unroll
    for (int i = 0; i < kHalf; i++) {
      const float low = value[i], high = value[i + kHalf];
      half[i] = (upper ? high : low) + __shfl_xor_sync(kFullWarp, upper ? low : high, kBit);
    }
    return reduce_scatter<kBit>(half);
  }
}

}  // namespace rkv::gpu
