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

/// [rows, kTileCols] of bf16. The chunks of a row are permuted, so that eight rows' chunks of one column, which
/// ldmatrix reads at once, lie in different banks.
struct BfTile {
  uint4* chunks;
  __device__ __forceinline__ uint4* at(int row, int chunk) const {
    return chunks + row * kChunks + (chunk ^ (row % kChunks));
  }
};

/// Start copying columns [from, from + kTileCols) of rows [first, first + kRows), zeros outside of n rows of `stride`
/// numbers, both multiples of kChunk. All threads.
template <int kRows>
__device__ __forceinline__ void copy_tile(BfTile tile, const bf16* rows, int first, int n, int64_t stride, int from) {
#pragma unroll
  for (int i = 0; i < kRows * kChunks / kGemmThreads; i++) {
    const int at = static_cast<int>(threadIdx.x) + i * kGemmThreads, row = at / kChunks, chunk = at % kChunks;
    const int k = from + kChunk * chunk;
    const bool valid = first + row < n && k < stride;
    cp_async<16>(tile.at(row, chunk), valid ? rows + (first + row) * stride + k : rows, valid);
  }
}

/// A tile of weights on its way from memory: fetch() starts, store() ends it. In between may be other work.
template <class Format>
class WeightTile {
 public:
  /// Thread 2 * row + i takes block i of a row. Rows past the end are the last one again.
  __device__ __forceinline__ void fetch(const PackedWeight& w, BfTile, int first_row, int from) {
    const int row = min(first_row + static_cast<int>(threadIdx.x) / kThreadsPerRow, w.rows - 1);
    const int block = from / kBlock + static_cast<int>(threadIdx.x) % kThreadsPerRow;
    valid_ = block < w.row_units;
    at_ = w.at(row, block);
    if (valid_) unit_ = Format::load(w, at_);
  }
  __device__ __forceinline__ void store(BfTile tile) const {
    const int row = static_cast<int>(threadIdx.x) / kThreadsPerRow;
    const int first_chunk = static_cast<int>(threadIdx.x) % kThreadsPerRow * (kBlock / kChunk);
    const Scales scales = valid_ ? Format::scales(unit_, at_) : Scales{};
#pragma unroll
    for (int c = 0; c < kBlock / kChunk; c++) {
      const float4 a = Format::values(unit_, 2 * c, scales), b = Format::values(unit_, 2 * c + 1, scales);
      *tile.at(row, first_chunk + c) =
          make_uint4(pack_bf16(a.x, a.y), pack_bf16(a.z, a.w), pack_bf16(b.x, b.y), pack_bf16(b.z, b.w));
    }
  }

 private:
  typename Format::Unit unit_ = {};
  uint32_t at_ = 0;
  bool valid_ = false;
};

template <>
class WeightTile<Plain<bf16>> {
 public:
  __device__ __forceinline__ void fetch(const PackedWeight& w, BfTile tile, int first_row, int from) {
    copy_tile<kTileRows>(tile, reinterpret_cast<const bf16*>(w.plane[kCodes]), first_row, w.rows,
                         int64_t{kChunk} * w.row_units, from);
  }
  __device__ __forceinline__ void store(BfTile) const {}
};

/// Four 8 x 8 matrices as A or B fragments of a 16 x 16 piece at (row, chunk), see intrinsics.h.
__device__ __forceinline__ void load_a(uint32_t (&a)[4], BfTile tile, int row, int chunk) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  ldmatrix_x4(a, tile.at(row + lane % 16, chunk + lane / 16));
}
/// b[0], b[1] for rows `row` to row + 7 of W, b[2], b[3] for the next eight.
__device__ __forceinline__ void load_b(uint32_t (&b)[4], BfTile tile, int row, int chunk) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  ldmatrix_x4(b, tile.at(row + lane % 8 + lane / 16 * 8, chunk + lane / 8 % 2));
}

/// sums[m][n] += a tile of x from row `token` times a tile of W from row `row`, in pieces of 16 x 8.
template <int kM, int kN>
__device__ __forceinline__ void multiply_tiles(BfTile x, BfTile w, int token, int row, float (&sums)[kM][kN][4]) {
#pragma unroll
  for (int chunk = 0; chunk < kChunks; chunk += 2) {
    uint32_t a[kM][4], b[kN / 2][4];
#pragma unroll
    for (int m = 0; m < kM; m++) load_a(a[m], x, token + 16 * m, chunk);
#pragma unroll
    for (int n = 0; n < kN / 2; n++) load_b(b[n], w, row + 16 * n, chunk);
#pragma unroll
    for (int m = 0; m < kM; m++) {
#pragma unroll
      for (int n = 0; n < kN; n++) mma_bf16(sums[m][n], a[m], b[n / 2][n % 2 * 2], b[n / 2][n % 2 * 2 + 1]);
    }
  }
}

}  // namespace rkv::gpu
