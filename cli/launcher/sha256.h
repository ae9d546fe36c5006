#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace launcher {

/// SHA-256 (FIPS 180-4) of bytes that come piece by piece.
class Sha256 {
 public:
  void update(const uint8_t* bytes, size_t count);

  /// Lower-case hexadecimal digits. The hash is finished.
  std::string hex();

 private:
  void mix(const uint8_t* block);

  std::array<uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<uint8_t, 64> rest_;  // the beginning of the next block
  uint64_t length_ = 0;           // bytes so far
};

}  // namespace launcher
