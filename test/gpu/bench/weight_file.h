// A file of random weights, no larger than it has to be.
#pragma once

#include <string>
#include <vector>

#include "core/numeric.h"

namespace rkv::bench {

/// Bytes of `dtype` blocks that stand for numbers around 0 with about this deviation. The same ones every time.
std::vector<uint8_t> random_blocks(DType dtype, size_t bytes, float deviation);

/// Random weights, then `n_ones` f32 ones for norms. A large file repeats itself; it is removed with this object.
class WeightFile {
 public:
  /// @param bytes  A multiple of the type's block.
  WeightFile(const std::string& folder, DType dtype, int64_t bytes, float deviation, int n_ones);
  ~WeightFile();
  WeightFile(const WeightFile&) = delete;
  WeightFile& operator=(const WeightFile&) = delete;

  const std::string& path() const { return path_; }
  int64_t bytes() const { return bytes_; }
  int64_t ones_at() const { return (bytes_ + 63) / 64 * 64; }

 private:
  std::string path_;
  int64_t bytes_;
};

/// @throws std::runtime_error for a name that is none.
DType dtype_of(const std::string& name);

}  // namespace rkv::bench
