// Device memory for buffers that come and go: every decode step takes some, and asking the driver would stop the
// stream.
#pragma once

#include <map>
#include <vector>

#include "gpu/errors.h"

namespace rkv::gpu {

/// Keeps what is released for the next request of the same size class. Memory may be handed out again while earlier
/// work on it is still enqueued: everything runs in one stream, so the next user comes after it. Work that is recorded
/// and not yet enqueued must not use what was released: that may go back to the device at any time.
class Allocator {
 public:
  Allocator() = default;
  ~Allocator();
  Allocator(const Allocator&) = delete;
  Allocator& operator=(const Allocator&) = delete;

  /// 256-byte aligned. @throws Failure RKV_E_MEMORY when the device has no more, after giving back what is kept.
  void* allocate(size_t bytes);
  void release(void* p, size_t bytes);

  /// As allocate(), for memory that stays: not a byte more than asked for, and the caller ends it with cudaFree().
  void* claim(size_t bytes);

  /// Hold memory back that claim() may use when nothing else is left: for what turns out to be needed in the middle of
  /// a decode step, where running out is too late. @throws Failure RKV_E_MEMORY when it cannot be had (again).
  void hold_reserve();

 private:
  void give_back();
  void spend_reserve();

  std::map<size_t, std::vector<void*>> kept_;  // by size class
  void* reserve_ = nullptr;
};

}  // namespace rkv::gpu
