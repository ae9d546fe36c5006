// Kernel parameters on their way to the device: the same bytes at the same offsets in pinned host and device memory.
#pragma once

#include <vector>

#include "gpu/allocator.h"

namespace rkv::gpu {

/// Addresses stay valid until reset(): when a chunk is full another one is added, none is moved.
class Staging {
 public:
  explicit Staging(Allocator& allocator) : allocator_(allocator) {}
  ~Staging();
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;

  /// A copy of host values. @return where they will be on the device once copy() has come by.
  const void* put(const void* values, size_t bytes);
  /// Enqueue the copy of everything that was put since the last one.
  void copy(cudaStream_t stream);
  /// Start over at the first chunk; nothing enqueued may still read what was put.
  void reset();
  size_t used() const;

 private:
  struct Chunk {
    uint8_t *host, *device;
    size_t capacity, used, copied;
  };
  Chunk& chunk_for(size_t bytes);

  Allocator& allocator_;
  std::vector<Chunk> chunks_;
  size_t current_ = 0;
};

}  // namespace rkv::gpu
