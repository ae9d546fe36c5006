// cp.async of one CUDA thread: copies that are issued, committed in groups, and done only when they are waited for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "emu/site.h"

namespace rkv::emu {

struct AsyncCopy {
  void* to;          // shared memory
  const void* from;  // NULL: zeros
  int bytes;         // 4, 8 or 16
  uint32_t group;
};

class AsyncCopies {
 public:
  void issue(void* to, const void* from, int bytes) { queue_.push_back({to, from, bytes, open_}); }
  void commit() { open_++; }
  /// The next copy to be done so that at most `groups` committed groups are pending; false if there is none.
  bool take(int groups, AsyncCopy* copy) {
    if (next_ == queue_.size()) {
      queue_.clear();
      next_ = 0;
      return false;
    }
    if (open_ - queue_[next_].group <= static_cast<uint32_t>(groups)) return false;
    *copy = queue_[next_++];
    return true;
  }
  bool committed() const { return queue_.empty() || queue_.back().group < open_; }
  bool done() const { return next_ == queue_.size(); }
  void reset() {
    queue_.clear();
    next_ = 0;
    open_ = 0;
  }

 private:
  std::vector<AsyncCopy> queue_;
  size_t next_ = 0;
  uint32_t open_ = 0;  // the group that takes copies now
};

// For the running thread. The caller moves the bytes, so that sanitizers see its own accesses.
void begin_copy(void* to, const void* from, int bytes, Site site);
void commit_copies();
bool take_copy(int groups, AsyncCopy* copy);

}  // namespace rkv::emu
