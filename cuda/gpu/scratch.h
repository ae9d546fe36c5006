// Device memory for what an op needs only while it runs.
#pragma once

#include <algorithm>
#include <vector>

#include "gpu/allocator.h"

namespace rkv::gpu {

/// Grow-only. Memory that was handed out stays valid until the owner ends, because recorded work may still point to it;
/// it doubles when it grows, so what lies idle is less than what is used.
class Scratch {
 public:
  explicit Scratch(Allocator& allocator) : allocator_(allocator) {}
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
      blocks_.reserve(blocks_.size() + 1);
      blocks_.push_back(allocator_.claim(wanted));
      bytes_ = wanted;
    }
    return static_cast<T*>(blocks_.empty() ? nullptr : blocks_.back());
  }
  size_t bytes() const { return bytes_; }

 private:
  Allocator& allocator_;
  std::vector<void*> blocks_;
  size_t bytes_ = 0;
};

}  // namespace rkv::gpu
