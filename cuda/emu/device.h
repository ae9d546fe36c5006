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
  enum Kind { kWork, kEnd };  // kEnd: frees or destroys something; no error is injected there

  explicit Call(Kind kind = kWork);
  /// False when the device is lost, or this call is the one that shall fail.
  bool ok() const { return error_ == cudaSuccess; }
  /// The error of a call that is not ok.
  cudaError_t error() const { return error_; }
  cudaError_t fail(cudaError_t error) const;
  /// Remember a failure and pass it on. A device that was lost meanwhile is what the caller hears of first.
  cudaError_t done(cudaError_t error) const;

 private:
  Lock lock_;
  cudaError_t error_;
};

/// From now on every call fails with `error`, as after a kernel that touched memory that is not its own.
void lose_device(cudaError_t error);
void restore_device();
/// The device that the calling thread has chosen.
int current_device();

}  // namespace rkv::emu
