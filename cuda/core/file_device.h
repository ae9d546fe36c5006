// Device memory in and out of checksummed files.
#pragma once

#include <vector>

#include "core/file_io.h"
#include "core/ops.h"

namespace rkv {

inline void write_device(AtomicWriter& file, Ops& ops, const void* device, size_t bytes) {
  std::vector<uint8_t> host(bytes);
  ops.download(host.data(), device, bytes);
  file.write(host.data(), bytes);
}

inline void read_device(CheckedReader& file, Ops& ops, void* device, size_t bytes) {
  std::vector<uint8_t> host(bytes);
  file.read(host.data(), bytes);
  ops.upload(device, host.data(), bytes);
}

/// A count that the rest of the file must be long enough to hold, `bytes_each` at a time.
inline int32_t read_count(CheckedReader& file, int64_t limit, size_t bytes_each) {
  const auto count = file.value<int32_t>();
  if (count < 0 || count > limit || static_cast<uint64_t>(count) * bytes_each > file.remaining()) {
    file.damaged("a count is out of range");
  }
  return count;
}

}  // namespace rkv
