// The caller's progress block, read and written with atomic accesses because the caller polls it from another thread.
#pragma once

#include <atomic>

#include "core/failure.h"
#include "rocketkv.h"

namespace rkv {

class Progress {
 public:
  explicit Progress(rkv_progress* block) : block_(block) {}

  void start(int64_t total) {
    if (block_ == nullptr) return;
    std::atomic_ref(block_->total).store(total, std::memory_order_relaxed);
    std::atomic_ref(block_->done).store(0, std::memory_order_relaxed);
  }
  /// Count finished units. @throws Failure RKV_E_CANCELLED when the caller asked to stop.
  void advance(int64_t units) {
    if (block_ == nullptr) return;
    std::atomic_ref(block_->done).fetch_add(units, std::memory_order_relaxed);
    if (std::atomic_ref(block_->cancel).load(std::memory_order_relaxed) != 0) fail(RKV_E_CANCELLED, "cancelled");
  }

 private:
  rkv_progress* block_;
};

}  // namespace rkv
