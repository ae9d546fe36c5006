// A small generator for random orders (splitmix64).
#pragma once

#include <bit>
#include <cstdint>

namespace rkv::emu {

class Random {
 public:
  explicit Random(uint64_t seed = 0) : state_(seed) {}
  uint64_t next() {
    uint64_t z = state_ += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
  }
  uint32_t below(uint32_t n) { return static_cast<uint32_t>((next() >> 32) * n >> 32); }
  /// One of the set bits of `bits`, which is not 0.
  int pick(uint32_t bits) {
    for (uint32_t skip = below(std::popcount(bits)); skip > 0; skip--) bits &= bits - 1;
    return std::countr_zero(bits);
  }

 private:
  uint64_t state_;
};

}  // namespace rkv::emu
