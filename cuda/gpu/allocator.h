// Device memory for buffers that come and go: every decode step takes some, and asking the driver would stop the
// stream.
#pragma once

#include <map>
#include <vector>

#include "gpu/errors.h"

namespace rkv::gpu {

/// Keeps what is released for the next request of the same size class. Memory may be handed out again while earlier
/// work on it is still enqueued: everything runs in one stream, so the next user comes after it.
class Allocator {
 public:
  Allocator() = default;
  ~Allocator();
  Allocator(const Allocator&) = delete;
  Allocator& operator=(const Allocator&) = delete;

  /// 256-byte aligned. @throws Failure RKV_E_MEMORY when the device has no more, after giving back what is kept.
  void* allocate(size_t bytes);
  void release(void* p, size_t bytes);

 private:
  void give_back();

  std::map<size_t, std::vector<void*>> kept_;  // by size class
};

}  // namespace rkv::gpu
