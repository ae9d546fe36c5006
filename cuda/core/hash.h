// A 64-bit checksum for session files and model fingerprints: fast, not cryptographic.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace rkv {

class Hash {
 public:
  void update(const void* data, size_t bytes) {
    const auto* p = static_cast<const uint8_t*>(data);
    for (; bytes >= 8; p += 8, bytes -= 8) {
      uint64_t word;
      std::memcpy(&word, p, 8);
      mix(word);
    }
    uint64_t tail = bytes;  // the length of the tail keeps "a" and "a\0" apart
    for (size_t i = 0; i < bytes; i++) tail = (tail << 8) | p[i];
    mix(tail);
  }
  template <class T>
  void update_value(const T& value) {
    update(&value, sizeof value);
  }
  uint64_t value() const { return state_ ^ (state_ >> 31); }

 private:
  void mix(uint64_t word) {
    state_ = (state_ ^ word) * 0x9e3779b97f4a7c15u;
    state_ ^= state_ >> 29;
  }
  uint64_t state_ = 0x243f6a8885a308d3u;
};

}  // namespace rkv
