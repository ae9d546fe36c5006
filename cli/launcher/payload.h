// The files inside of a packed program. scripts/dist/pack.ts makes the table and the compressed bytes.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string_view>
#include <vector>

namespace launcher {

struct PackedFile {
  std::string_view name;  // node_modules/x/y.node
  mode_t mode;
  uint64_t size;            // bytes
  std::string_view sha256;  // hexadecimal digits
};

struct Payload {
  std::string_view key;           // a hash of the table, and so of all files
  std::vector<PackedFile> files;  // in the order of their bytes
  const uint8_t* begin;           // one zstd frame
  const uint8_t* end;
};

const Payload& payload();

}  // namespace launcher
