// Device memory for what an op needs only while it runs.
#pragma once

#include <algorithm>
#include <vector>

#include "gpu/errors.h"

namespace rkv::gpu {

/// Grow-only. Memory that was handed out stays valid until the owner ends, because recorded work may still point to it;
/// it doubles when it grows, so what lies idle is less than what is used.
class Scratch {
 public:
  Scratch() = default;
  ~Scratch() {
    for (void* block : blocks_) cudaFree(block);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  /// At least `count` elements, the same memory at every call until it has to grow. Not cleared.
  template <class T>
  T* get(size_t count) {
    if (count * sizeof(T) > bytes_) {
      const size_t wanted = std::max(count * sizeof(T), 2 * bytes_);
      void* block = nullptr;
      check(cudaMalloc(&block, wanted), "allocate device memory");
      blocks_.push_back(block);
      bytes_ = wanted;
    }
    return static_cast<T*>(blocks_.empty() ? nullptr : blocks_.back());
  }
  size_t bytes() const { return bytes_; }

 private:
  std::vector<void*> blocks_;
  size_t bytes_ = 0;
};

}  // namespace rkv::gpu
