// Quantised weights as they lie in GGUF files. A row is a run of blocks of 32 elements, or of 256 for the K types.
//
// q stands for an element's unsigned code, d and m for f16 numbers; files align blocks to 2 bytes at best.
// test/reference/quant.ts is the executable specification.
#pragma once

#include <cstdint>

#include "core/numeric.h"

namespace rkv::cpu {

/// x = d * q; q signed.
struct BlockQ8_0 {
  uint16_t d;
  int8_t q[32];
};

/// x = d * (q - 8). Byte i holds element i in its low and element i + 16 in its high half, also in the three below.
struct BlockQ4_0 {
  uint16_t d;
  uint8_t q[16];
};

/// x = d * q + m.
struct BlockQ4_1 {
  uint16_t d, m;
  uint8_t q[16];
};

/// x = d * (q - 16). The fifth bit of element i is bit i of `high`.
struct BlockQ5_0 {
  uint16_t d;
  uint8_t high[4];
  uint8_t q[16];
};

/// x = d * q + m.
struct BlockQ5_1 {
  uint16_t d, m;
  uint8_t high[4];
  uint8_t q[16];
};

/// x = d * scale * q - dmin * min, with a 6-bit scale and min for each of 8 sub-blocks of 32.
///
/// Byte i of the j-th 32 bytes of q holds element i of sub-block 2j low and of 2j + 1 high. scales: bytes 0-3 are the
/// scales of sub-blocks 0-3, bytes 4-7 their mins, 6 bits each; the upper two bits of these eight bytes are the upper
/// two of scales, then mins, of sub-blocks 4-7, whose lower four bits are the low (scale) and high (min) halves of
/// bytes 8-11.
struct BlockQ4_K {
  uint16_t d, dmin;
  uint8_t scales[12];
  uint8_t q[128];
};

/// As Q4_K; the fifth bit of element i of sub-block j is bit j of high[i].
struct BlockQ5_K {
  uint16_t d, dmin;
  uint8_t scales[12];
  uint8_t high[32];
  uint8_t q[128];
};

/// x = d * scale * (q - 32), with a signed scale for each of 16 sub-blocks of 16.
///
/// Per half of 128 elements, 64 bytes of `low` and 32 of `high`: with l in [0, 32), elements l, l + 32, l + 64 and
/// l + 96 take their lower four bits from low[l] low, low[l + 32] low, low[l] high, low[l + 32] high, and their upper
/// two from bits 0-1, 2-3, 4-5, 6-7 of high[l].
struct BlockQ6_K {
  uint8_t low[128];
  uint8_t high[64];
  int8_t scales[16];
  uint16_t d;
};

static_assert(sizeof(BlockQ8_0) == block_bytes(RKV_Q8_0) && sizeof(BlockQ4_0) == block_bytes(RKV_Q4_0));
static_assert(sizeof(BlockQ4_1) == block_bytes(RKV_Q4_1) && sizeof(BlockQ5_0) == block_bytes(RKV_Q5_0));
static_assert(sizeof(BlockQ5_1) == block_bytes(RKV_Q5_1) && sizeof(BlockQ4_K) == block_bytes(RKV_Q4_K));
static_assert(sizeof(BlockQ5_K) == block_bytes(RKV_Q5_K) && sizeof(BlockQ6_K) == block_bytes(RKV_Q6_K));

}  // namespace rkv::cpu
