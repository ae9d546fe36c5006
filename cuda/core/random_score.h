// Scores out of nothing: RKV_SCORE_RANDOM, the floor that other scores are measured against.
//
// 32-bit integers throughout, so that every backend and the reference (test/reference/score.ts) have the same numbers.
#pragma once

#include <cstdint>

#ifdef __CUDACC__
#define RKV_HOST_DEVICE __host__ __device__
#else
#define RKV_HOST_DEVICE
#endif

namespace rkv {

/// MurmurHash3's last steps: every bit of the result depends on every bit of x, and 0 does not stay 0.
RKV_HOST_DEVICE constexpr uint32_t mix_bits(uint32_t x) {
  x += 0x9e3779b9u;
  x = (x ^ (x >> 16)) * 0x85ebca6bu;
  x = (x ^ (x >> 13)) * 0xc2b2ae35u;
  return x ^ (x >> 16);
}

/// In [0, 1), a multiple of 2^-24.
RKV_HOST_DEVICE constexpr float random_score(uint32_t seed, int32_t layer, int32_t kv_head, int32_t position) {
  uint32_t state = mix_bits(seed);
  state = mix_bits(state ^ static_cast<uint32_t>(layer));
  state = mix_bits(state ^ static_cast<uint32_t>(kv_head));
  state = mix_bits(state ^ static_cast<uint32_t>(position));
  return static_cast<float>(state >> 8) * (1.0f / 16777216.0f);
}

}  // namespace rkv
