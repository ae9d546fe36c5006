// Stacks and the switch between them.
#pragma once

#include <cstddef>

namespace rkv::emu {

/// Save the running context's stack pointer in *save and go on where `to` was saved.
extern "C" void rkv_emu_switch(void** save, void* to);

/// Stacks of one block's fibers, each above a page that may not be touched. Only what is used takes memory.
class Stacks {
 public:
  static constexpr size_t kGuard = 4096, kBytes = 128 * 1024, kUsable = kBytes - kGuard;
  static constexpr int kCount = 1024;

  Stacks();
  ~Stacks();
  Stacks(const Stacks&) = delete;
  Stacks& operator=(const Stacks&) = delete;

  int take();
  void give_back(int stack);
  char* bottom(int stack) const;
  /// A stack pointer from which rkv_emu_switch() enters `entry`.
  void* prepare(int stack, void (*entry)()) const;

 private:
  char* memory_;
  int free_[kCount];
  int n_free_ = 0, n_used_ = 0;
};

}  // namespace rkv::emu
