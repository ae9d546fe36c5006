// How packed weights lie in device memory: pack_weights.cpp writes it, dequant.cuh reads it.
//
// Plain types keep their rows, each padded with zeros to a multiple of 16 bytes. A quantised matrix is split into
// planes of [rows, blocks], a block being 32 weights of a row:
//
//   codes   16 bytes: elements 0-15 in the low, 16-31 in the high halves, their lower four bits. Q8_0: elements 0-15,
//           each as code + 128
//   high    Q8_0: 16 bytes, elements 16-31
//           Q5_0, Q5_1, Q5_K: 4 bytes; bit 8b + j is the fifth bit of element 4j + b
//           Q6_K: 8 bytes; bits 8b + 2j and up of the first word are the upper two of element 4j + b, j in 0-3; the
//           second word has elements 16-31
//   scales  Q8_0, Q4_0, Q5_0: d. Q4_1, Q5_1: d, m. Q4_K, Q5_K: 16 bytes for 8 blocks as in the file: d, dmin and the
//           packed 6-bit scales. Q6_K: two signed bytes, for 16 weights each
//   units   Q6_K: d for 8 blocks
//
// Rows are padded to a multiple of four, so that a warp that takes some at a time needs no bounds: what is there is
// never used. A warp that takes one block per lane reads whole lines: 512 bytes of codes of one row at a time. d, m and
// dmin are f16. cpu/quant_blocks.h has the formulas and the order in files.
#pragma once

#include <cstdint>

#include "core/numeric.h"

namespace rkv::gpu {

enum Plane { kCodes, kHigh, kScales, kUnits, kPlanes };

constexpr int kBlock = 32;  // weights
constexpr int kRowPadding = 4;
constexpr int64_t kPlaneAlign = 128;  // a line of L2

struct WeightLayout {
  int blocks;                  // of a row
  int64_t row_bytes[kPlanes];  // 0: the type has no such plane
  int64_t offset[kPlanes];
  int64_t bytes;  // in all
};

constexpr int64_t round_up(int64_t n, int64_t multiple) { return (n + multiple - 1) / multiple * multiple; }

constexpr WeightLayout weight_layout(DType dtype, int rows, int cols) {
  WeightLayout layout = {};
  int64_t(&row)[kPlanes] = layout.row_bytes;
  if (block_elements(dtype) == 1) {
    row[kCodes] = round_up(row_bytes(dtype, cols), 16);
  } else {
    layout.blocks = cols / kBlock;
    const int64_t blocks = layout.blocks;
    const bool five_bits = dtype == RKV_Q5_0 || dtype == RKV_Q5_1 || dtype == RKV_Q5_K;
    const bool has_min = dtype == RKV_Q4_1 || dtype == RKV_Q5_1;
    row[kCodes] = 16 * blocks;
    row[kHigh] = (dtype == RKV_Q8_0 ? 16 : dtype == RKV_Q6_K ? 8 : five_bits ? 4 : 0) * blocks;
    row[kScales] = (has_min ? 4 : 2) * blocks;  // 16 bytes for 8 blocks are 2 for one
    row[kUnits] = dtype == RKV_Q6_K ? 2 * blocks / 8 : 0;
  }
  for (int plane = 0; plane < kPlanes; plane++) {
    layout.offset[plane] = layout.bytes;
    layout.bytes += round_up(row[plane] * round_up(rows, kRowPadding), kPlaneAlign);
  }
  return layout;
}

/// A packed matrix as kernels see it.
struct PackedWeight {
  const uint8_t* plane[kPlanes];
  DType dtype;
  int rows, cols;
  int row_units;  // 16 bytes of kCodes each: a block of a quantised type, 4 or 8 plain numbers

  /// Place of a unit in its matrix; 32 bits are enough for 64 GiB.
#if defined(__CUDACC__) || defined(RKV_EMU)
  __device__ uint32_t at(int row, int unit) const {
    return static_cast<uint32_t>(row) * static_cast<uint32_t>(row_units) + static_cast<uint32_t>(unit);
  }
#endif
};

/// @param packed  Its data points to device memory.
inline PackedWeight packed_weight(const Weight& packed) {
  const WeightLayout layout = weight_layout(packed.dtype, packed.rows, packed.cols);
  PackedWeight weight = {{}, packed.dtype, packed.rows, packed.cols, static_cast<int>(layout.row_bytes[kCodes] / 16)};
  for (int plane = 0; plane < kPlanes; plane++) weight.plane[plane] = packed.data + layout.offset[plane];
  return weight;
}

}  // namespace rkv::gpu
