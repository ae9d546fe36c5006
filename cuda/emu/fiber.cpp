#include "emu/fiber.h"

#include <sys/mman.h>

#include <new>

#include "emu/sanitizers.h"

// The callee-saved registers of x86-64. `ret` is predicted well: the lanes of a warp return to the same places.
asm(R"(
.pushsection .text
.hidden rkv_emu_switch
.globl rkv_emu_switch
.type rkv_emu_switch,@function
rkv_emu_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size rkv_emu_switch,.-rkv_emu_switch
.popsection
)");

namespace rkv::emu {

Stacks::Stacks() {
  void* p = mmap(nullptr, kBytes * kCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) throw std::bad_alloc();
  memory_ = static_cast<char*>(p);
}

Stacks::~Stacks() {
  asan_allow(memory_, kBytes * kCount);
  munmap(memory_, kBytes * kCount);
}

char* Stacks::bottom(int stack) const { return memory_ + kBytes * stack + kGuard; }

int Stacks::take() {
  if (n_free_ > 0) return free_[--n_free_];
  const int stack = n_used_++;
  mprotect(memory_ + kBytes * stack, kGuard, PROT_NONE);
  return stack;
}

void Stacks::give_back(int stack) { free_[n_free_++] = stack; }

void* Stacks::prepare(int stack, void (*entry)()) const {
  asan_allow(bottom(stack), kUsable);  // the last fiber here never returned from its deepest frames
  // Stacks begin at different cache sets: the same frame of 32 lanes would otherwise share one.
  char* top = bottom(stack) + kUsable - stack % 32 * 192;
  void** sp = reinterpret_cast<void**>(top);
  *--sp = nullptr;  // the stack is 8 past a multiple of 16 at entry, as after a call
  *--sp = reinterpret_cast<void*>(entry);
  for (int i = 0; i < 6; i++) *--sp = nullptr;
  return sp;
}

}  // namespace rkv::emu
