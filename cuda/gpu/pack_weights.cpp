// From the order of GGUF files to that of weight_layout.h, on the host, once per model.
#include <algorithm>
#include <cstring>

#include "cpu/quant_blocks.h"
#include "gpu/kernels.h"
#include "gpu/weight_layout.h"

namespace rkv::gpu {
namespace {

using namespace cpu;  // the blocks of files

// Codes of a file's block in the order of its elements.

void read_codes(const BlockQ8_0& block, uint8_t* codes) {
  for (int i = 0; i < 32; i++) codes[i] = static_cast<uint8_t>(block.q[i] + 128);
}

void read_nibbles(const uint8_t* q, int bytes, uint8_t* codes) {
  for (int i = 0; i < bytes; i++) {
    codes[i] = q[i] & 15;
    codes[bytes + i] = q[i] >> 4;
  }
}

void read_codes(const BlockQ4_0& block, uint8_t* codes) { read_nibbles(block.q, 16, codes); }
void read_codes(const BlockQ4_1& block, uint8_t* codes) { read_nibbles(block.q, 16, codes); }

template <class Block>
requires(sizeof(Block::high) == 4) void read_codes(const Block& block, uint8_t* codes) {
  read_nibbles(block.q, 16, codes);
  uint32_t high, four;
  std::memcpy(&high, block.high, 4);
  for (int i = 0; i < 32; i += 4) {
    std::memcpy(&four, codes + i, 4);
    four |= ((high >> i & 15) * 0x00204081 & 0x01010101) << 4;  // the product spreads four bits over four bytes
    std::memcpy(codes + i, &four, 4);
  }
}

void read_codes(const BlockQ4_K& block, uint8_t* codes) {
  for (int j = 0; j < 4; j++) read_nibbles(block.q + 32 * j, 32, codes + 64 * j);
}

void read_codes(const BlockQ5_K& block, uint8_t* codes) {
  for (int j = 0; j < 4; j++) read_nibbles(block.q + 32 * j, 32, codes + 64 * j);
  for (int j = 0; j < 8; j++) {
    for (int i = 0; i < 32; i++) codes[32 * j + i] |= (block.high[i] >> j & 1) << 4;
  }
}

void read_codes(const BlockQ6_K& block, uint8_t* codes) {
  for (int half = 0; half < 2; half++) {
    read_nibbles(block.low + 64 * half, 64, codes + 128 * half);
    for (int j = 0; j < 4; j++) {
      for (int i = 0; i < 32; i++) codes[128 * half + 32 * j + i] |= (block.high[32 * half + i] >> 2 * j & 3) << 4;
    }
  }
}

// Codes of 32 elements to the block's places in kCodes and kHigh.

void write_nibbles(const uint8_t* codes, uint8_t* codes_at) {
  for (int i = 0; i < 16; i++) codes_at[i] = static_cast<uint8_t>((codes[i] & 15) | codes[16 + i] << 4);
}

/// kBits upper bits of 32 elements: element 4j + b of a word goes to bits 8b + kBits * j and up.
template <int kBits>
void write_high(const uint8_t* codes, uint8_t* high_at) {
  constexpr uint32_t kMask = 0x01010101 * ((1 << kBits) - 1);
  for (int w = 0; w < kBits; w++) {
    uint32_t word = 0, four;
    for (int j = 0; j < 8 / kBits; j++, codes += 4) {
      std::memcpy(&four, codes, 4);
      word |= (four >> 4 & kMask) << kBits * j;
    }
    std::memcpy(high_at + 4 * w, &word, 4);
  }
}

// Scales of a file's block: to the block's places in kScales and kUnits.

void write_scales(const BlockQ8_0& block, uint8_t* scales, uint8_t*) { std::memcpy(scales, &block.d, 2); }
void write_scales(const BlockQ4_0& block, uint8_t* scales, uint8_t*) { std::memcpy(scales, &block.d, 2); }
void write_scales(const BlockQ5_0& block, uint8_t* scales, uint8_t*) { std::memcpy(scales, &block.d, 2); }
void write_scales(const BlockQ6_K& block, uint8_t* scales, uint8_t* units) {
  std::memcpy(scales, block.scales, 16);
  std::memcpy(units, &block.d, 2);
}
// The others begin with theirs: d and m, or d, dmin and the 6-bit ones.
void write_scales(const BlockQ4_1& block, uint8_t* scales, uint8_t*) { std::memcpy(scales, &block, 4); }
void write_scales(const BlockQ5_1& block, uint8_t* scales, uint8_t*) { std::memcpy(scales, &block, 4); }
void write_scales(const BlockQ4_K& block, uint8_t* scales, uint8_t*) { std::memcpy(scales, &block, 16); }
void write_scales(const BlockQ5_K& block, uint8_t* scales, uint8_t*) { std::memcpy(scales, &block, 16); }

/// @param high_bytes  Of a block.
void write_codes(const uint8_t* codes, uint8_t* codes_at, uint8_t* high_at, int64_t high_bytes) {
  if (high_bytes == 16) {
    std::memcpy(codes_at, codes, 16);
    std::memcpy(high_at, codes + 16, 16);
    return;
  }
  write_nibbles(codes, codes_at);
  if (high_bytes == 4) write_high<1>(codes, high_at);
  if (high_bytes == 8) write_high<2>(codes, high_at);
}

template <class Block>
void pack(const Weight& mapped, const WeightLayout& layout, uint8_t* packed) {
  const int64_t elements = block_elements(mapped.dtype), per_row = mapped.cols / elements;
  const int64_t high_bytes = layout.row_bytes[kHigh] / layout.blocks, scale_bytes = layout.row_bytes[kScales] / per_row;
  const auto* blocks = reinterpret_cast<const Block*>(mapped.data);
  const auto at = [&](Plane plane, int64_t bytes) { return packed + layout.offset[plane] + bytes; };
  // Rows follow each other without gaps in every plane.
  for (int64_t b = 0; b < per_row * mapped.rows; b++) {
    uint8_t codes[256];
    read_codes(blocks[b], codes);
    for (int64_t i = 0; i < elements; i += kBlock) {
      const int64_t to = (b * elements + i) / kBlock;
      write_codes(codes + i, at(kCodes, 16 * to), at(kHigh, high_bytes * to), high_bytes);
    }
    write_scales(blocks[b], at(kScales, scale_bytes * b), at(kUnits, 2 * b));
  }
}

void copy_rows(const Weight& mapped, const WeightLayout& layout, uint8_t* packed) {
  const auto bytes = static_cast<size_t>(row_bytes(mapped.dtype, mapped.cols));
  const auto padding = static_cast<size_t>(layout.row_bytes[kCodes]) - bytes;
  for (int64_t row = 0; row < mapped.rows; row++) {
    uint8_t* to = packed + row * layout.row_bytes[kCodes];
    std::memcpy(to, mapped.data + static_cast<size_t>(row) * bytes, bytes);
    std::memset(to + bytes, 0, padding);
  }
}

}  // namespace

size_t packed_bytes(const Weight& mapped) {
  return static_cast<size_t>(weight_layout(mapped.dtype, mapped.rows, mapped.cols).bytes);
}

void pack_weight(const Weight& mapped, uint8_t* packed) {
  const WeightLayout layout = weight_layout(mapped.dtype, mapped.rows, mapped.cols);
  for (int plane = 0; plane < kPlanes; plane++) {
    const int64_t end = plane + 1 < kPlanes ? layout.offset[plane + 1] : layout.bytes;
    const int64_t used = layout.offset[plane] + layout.row_bytes[plane] * mapped.rows;
    std::memset(packed + used, 0, static_cast<size_t>(end - used));
  }
  switch (mapped.dtype) {
    case RKV_F32:
    case RKV_F16:
    case RKV_BF16:
      return copy_rows(mapped, layout, packed);
    case RKV_Q8_0:
      return pack<BlockQ8_0>(mapped, layout, packed);
    case RKV_Q4_0:
      return pack<BlockQ4_0>(mapped, layout, packed);
    case RKV_Q4_1:
      return pack<BlockQ4_1>(mapped, layout, packed);
    case RKV_Q5_0:
      return pack<BlockQ5_0>(mapped, layout, packed);
    case RKV_Q5_1:
      return pack<BlockQ5_1>(mapped, layout, packed);
    case RKV_Q4_K:
      return pack<BlockQ4_K>(mapped, layout, packed);
    case RKV_Q5_K:
      return pack<BlockQ5_K>(mapped, layout, packed);
    case RKV_Q6_K:
      return pack<BlockQ6_K>(mapped, layout, packed);
  }
}

}  // namespace rkv::gpu
