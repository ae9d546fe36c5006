// What every call of the runtime API shares: one at a time, the thread's last error, and errors that never go away.
#pragma once

#include <mutex>

#include "emu/errors.h"

namespace rkv::emu {

class Lock {
 public:
  Lock();

 private:
  std::unique_lock<std::recursive_mutex> lock_;
};

/// One call of the API.
class Call {
 public:
  Call();
  /// False when the device is lost.
  bool ok() const { return lost_ == cudaSuccess; }
  /// The error of a lost device.
  cudaError_t error() const { return lost_; }
  cudaError_t fail(cudaError_t error) const;
  /// Remember a failure and pass it on. A device that was lost meanwhile is what the caller hears of first.
  cudaError_t done(cudaError_t error) const;

 private:
  Lock lock_;
  cudaError_t lost_;
};

/// From now on every call fails with `error`, as after a kernel that touched memory that is not its own.
void lose_device(cudaError_t error);
void restore_device();

}  // namespace rkv::emu
