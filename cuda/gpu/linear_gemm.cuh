// Tiles of bf16 in shared memory, how x and weights get there, and how a warp multiplies them: the inside of
// linear_gemm.cu.
#pragma once

#include "gpu/dequant.cuh"

namespace rkv::gpu {

constexpr int kGemmThreads = 256;
constexpr int kTileRows = 128;                            // rows of W
constexpr int kTileCols = 64;                             // of x and W at a time: two blocks of a quantised row
constexpr int kChunk = 8;                                 // bf16 numbers in 16 bytes
constexpr int kChunks = kTileCols / kChunk;               // of a tile's row
constexpr int kThreadsPerRow = kGemmThreads / kTileRows;  // that unpack weights: a block each

static_assert(kThreadsPerRow * kBlock == kTileCols);

// Positions inside a block are unsigned: their divisions are shifts.
using Index = unsigned;

/// [rows, kTileCols] of bf16. The chunks of a row are permuted, so that eight rows' chunks of one column, which
/// ldmatrix reads at once, lie in different banks. Adding a multiple of eight rows does not change the permutation.
struct BfTile {
  uint4* chunks;
  __device__ __forceinline__ uint4* at(Index row, Index chunk) const {
    return chunks + row * kChunks + (chunk ^ (row % kChunks));
  }
};

/// Start copying columns [from, from + kTileCols) of rows [first, first + kRows) of a matrix of n rows of `row_chunks`
/// chunks. Past the ends are the last row and chunk again: columns meet zeros of x, rows make sums that nobody asked
/// for. All threads.
template <int kRows>
__device__ __forceinline__ void copy_tile(BfTile tile, const uint4* matrix, int first, int n, int row_chunks,
                                          int from) {
  constexpr int kStep = kGemmThreads / kChunks;
  const int row = static_cast<int>(threadIdx.x / kChunks), chunk = static_cast<int>(threadIdx.x % kChunks);
  const int column = min(from / kChunk + chunk, row_chunks - 1);
  uint4* to = tile.at(row, chunk);
#pragma unroll
  for (int i = 0; i < kRows / kStep; i++) {
    const auto line = static_cast<uint32_t>(min(first + row + kStep * i, n - 1));
    cp_async<16>(to + kStep * kChunks * i, matrix + (line * static_cast<uint32_t>(row_chunks) + column));
  }
}

/// A tile of weights on its way from memory: fetch() starts, store() ends it. In between may be other work.
template <class Format>
class WeightTile {
 public:
  /// Thread 2 * row + i takes block i of a row. Past the ends are the last row and block again: they meet zeros of x,
  /// or make sums that nobody asked for.
  __device__ __forceinline__ void fetch(const PackedWeight& w, BfTile, int first_row, int from) {
    const int row = first_row + static_cast<int>(threadIdx.x / kThreadsPerRow);
    const int block = from / kBlock + static_cast<int>(threadIdx.x % kThreadsPerRow);
    at_ = w.at(min(row, w.rows - 1), min(block, w.row_units - 1));
    unit_ = Format::load(w, at_);
  }
  __device__ __forceinline__ void store(BfTile tile) const {
    const Index row = threadIdx.x / kThreadsPerRow;
    const Index first_chunk = threadIdx.x % kThreadsPerRow * (kBlock / kChunk);
    const Scales scales = Format::scales(unit_, at_);
#pragma unroll
    for (int c = 0; c < kBlock / kChunk; c++) {
      const float4 a = Format::values(unit_, 2 * c, scales), b = Format::values(unit_, 2 * c + 1, scales);
      *tile.at(row, first_chunk + c) =
          make_uint4(pack_bf16(a.x, a.y), pack_bf16(a.z, a.w), pack_bf16(b.x, b.y), pack_bf16(b.z, b.w));
    }
  }

 private:
  typename Format::Unit unit_;
  uint32_t at_;
};

template <>
class WeightTile<Plain<bf16>> {
 public:
  __device__ __forceinline__ void fetch(const PackedWeight& w, BfTile tile, int first_row, int from) {
    copy_tile<kTileRows>(tile, reinterpret_cast<const uint4*>(w.plane[kCodes]), first_row, w.rows, w.row_units, from);
  }
  __device__ __forceinline__ void store(BfTile) const {}
};

/// sums[m][n] += a tile of x from row `token` times a tile of W from row `row`, both multiples of 16, in pieces of 16
/// x 8. Fragments as in intrinsics.h: a lane's address is the same for all pieces but for a distance.
template <int kM, int kN>
__device__ __forceinline__ void multiply_tiles(BfTile x, BfTile w, Index token, Index row, float (&sums)[kM][kN][4]) {
  const Index lane = threadIdx.x % 32;
#pragma unroll
  for (Index chunk = 0; chunk < kChunks; chunk += 2) {
    const uint4* a_at = x.at(token + lane % 16, chunk + lane / 16);
    const uint4* b_at = w.at(row + lane % 8 + lane / 16 * 8, chunk + lane / 8 % 2);
    uint32_t a[kM][4];
#pragma unroll
    for (int m = 0; m < kM; m++) ldmatrix_x4(a[m], a_at + 16 * kChunks * m);
#pragma unroll
    for (int n = 0; n < kN; n += 2) {
      uint32_t b[4];  // 16 rows of W
      ldmatrix_x4(b, b_at + 8 * kChunks * n);
#pragma unroll
      for (int m = 0; m < kM; m++) {
        mma_bf16(sums[m][n], a[m], b[0], b[1]);
        mma_bf16(sums[m][n + 1], a[m], b[2], b[3]);
      }
    }
  }
}

}  // namespace rkv::gpu
