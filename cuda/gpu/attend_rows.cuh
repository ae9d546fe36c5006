// Where the rows lie that a decode step attends to.
#pragma once

#include "gpu/kv_row.cuh"

namespace rkv::gpu {

/// Finds the rows of ascending slots.
class RowCursor {
 public:
  __device__ RowCursor(const CacheView& cache, int slot) : next_(cache.find_run(slot)), run_(*next_) {}
  /// Of the row of `slot`, in rows from the start of its run.
  __device__ __forceinline__ int seek(int slot) {
    while (slot >= run_.end) run_ = *++next_;
    return slot - run_.begin;
  }
  __device__ __forceinline__ const SlotRun& run() const { return run_; }
  __device__ __forceinline__ const uint8_t* k() const { return run_.k; }
  __device__ __forceinline__ const uint8_t* v() const { return run_.v; }

 private:
  const SlotRun* next_;
  SlotRun run_;
};

/// Tokens [begin, end) of a list; token t is slots[t], or slot t without a list.
struct TokenRange {
  const int32_t* slots;
  int begin, end;
  __device__ __forceinline__ int slot(int token) const { return slots != nullptr ? slots[token] : token; }
};

}  // namespace rkv::gpu
