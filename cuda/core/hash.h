// A 64-bit checksum for session files and model fingerprints: fast, not cryptographic.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace rkv {

/// Depends on the bytes and their number alone, not on how they are cut into updates.
class Hash {
 public:
  void update(const void* data, size_t bytes) {
    const auto* p = static_cast<const uint8_t*>(data);
    total_ += bytes;
    for (; bytes > 0 && n_pending_ > 0; p++, bytes--) take(*p);
    for (; bytes >= 8; p += 8, bytes -= 8) {
      uint64_t word;
      std::memcpy(&word, p, 8);
      mix(word);
    }
    for (; bytes > 0; p++, bytes--) take(*p);
  }
  template <class T>
  void update_value(const T& value) {
    update(&value, sizeof value);
  }
  uint64_t value() const {
    Hash end = *this;
    end.mix(pending_);
    end.mix(total_);
    return end.state_ ^ (end.state_ >> 31);
  }

 private:
  void take(uint8_t byte) {
    pending_ |= uint64_t{byte} << (8 * n_pending_);
    if (++n_pending_ < 8) return;
    mix(pending_);
    pending_ = 0, n_pending_ = 0;
  }
  void mix(uint64_t word) {
    state_ = (state_ ^ word) * 0x9e3779b97f4a7c15u;
    state_ ^= state_ >> 29;
  }
  uint64_t state_ = 0x243f6a8885a308d3u;
  uint64_t pending_ = 0, total_ = 0;  // bytes of an unfinished word, bytes in all
  int n_pending_ = 0;
};

}  // namespace rkv
