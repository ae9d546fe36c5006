#include "emu/block.h"

#include <bit>

namespace rkv::emu {

__thread Lane* lane = nullptr;

void Block::run(uint3 index, dim3 grid, dim3 dim, size_t shared_bytes, const std::function<void()>& run_lane,
                uint64_t seed) {
  random_ = Random(seed);
  shuffle_ = seed != 0;
  run_lane_ = &run_lane;
  view_ = {index, dim, grid, shared_};
  begin_shared(shared_bytes);
  begin_threads();

  tsan_acquire(finished_);  // the block that was here before
  tsan_release(begun_);
  caller_tsan_fiber_ = tsan_current();
  caller_stack_ = nullptr;
  Thread& first = *next();
  begin_thread(first);
  asan_begin_switch(&caller_fake_stack_, stacks_.bottom(first.stack), Stacks::kUsable);
  tsan_switch(first.tsan_fiber);
  lane = &first;
  rkv_emu_switch(&caller_stack_pointer_, first.stack_pointer);
  asan_end_switch(caller_fake_stack_, nullptr, nullptr);
}

void Block::begin_threads() {
  const dim3 dim = view_.dim;
  n_threads_ = n_live_ = static_cast<int>(dim.x * dim.y * dim.z);
  n_warps_ = (n_threads_ + 31) / 32;
  uint3 index{0, 0, 0};
  for (int i = 0; i < n_threads_; i++) {
    Thread& t = threads_[i];
    t.thread = index;
    t.index = i % 32;
    t.view = &view_;
    t.block = this;
    t.warp = &warps_[i / 32];
    t.stack_pointer = nullptr;
    t.state = State::kReady;
    t.copies.reset();
    // Here and not when it begins: what creates a fiber is ordered before it.
    if (kTsan && t.tsan_fiber == nullptr) t.tsan_fiber = tsan_create();
    if (++index.x == dim.x) {
      index.x = 0;
      if (++index.y == dim.y) index.y = 0, index.z++;
    }
  }
  for (int w = 0; w < n_warps_; w++) {
    Warp& warp = warps_[w];
    const int lanes = n_threads_ - w * 32;
    warp.threads = &threads_[w * 32];
    warp.index = w;
    warp.all = warp.ready = lanes >= 32 ? ~0u : (1u << lanes) - 1;
    warp.ended = 0;
    warp.n_meetings = 0;
    for (uint32_t& lanes_there : warp.at_barrier) lanes_there = 0;
  }
  ready_warps_ = n_warps_ == 32 ? ~0u : (1u << n_warps_) - 1;
  warp_ = 0;
  for (Barrier& barrier : barriers_) barrier.arrived = barrier.vote = 0;
}

/// Take the next thread that can go on out of the ready sets; NULL if there is none.
Thread* Block::next() {
  if (ready_warps_ == 0) return nullptr;
  if (shuffle_) {
    if ((ready_warps_ >> warp_ & 1) == 0 || random_.below(8) == 0) warp_ = random_.pick(ready_warps_);
  } else if ((ready_warps_ >> warp_ & 1) == 0) {
    warp_ = std::countr_zero(ready_warps_);
  }
  Warp& warp = warps_[warp_];
  const int index = shuffle_ ? random_.pick(warp.ready) : std::countr_zero(warp.ready);
  warp.ready &= ~(1u << index);
  if (warp.ready == 0) ready_warps_ &= ~(1u << warp_);
  return &warp.threads[index];
}

void Block::make_ready(Warp& warp, uint32_t lanes) {
  if (lanes == 0) return;
  warp.ready |= lanes;
  ready_warps_ |= 1u << warp.index;
}

void Block::begin_thread(Thread& thread) {
  thread.stack = stacks_.take();
  thread.stack_pointer = stacks_.prepare(thread.stack, entry);
}

/// Where every fiber begins. One may run several threads: one that ended without waiting leaves its stack to the next.
void Block::entry() {
  Thread* thread = &self();
  Block& block = *thread->block;
  const bool first = block.caller_stack_ == nullptr;
  asan_end_switch(nullptr, first ? &block.caller_stack_ : nullptr, first ? &block.caller_stack_bytes_ : nullptr);
  for (;;) {
    tsan_acquire(block.begun_);
    (*block.run_lane_)();
    block.end_thread(*thread);
    Thread* next = block.next();
    if (next == nullptr) {
      if (block.n_live_ > 0) block.deadlock();
      block.leave(*thread);
    }
    if (!kTsan && next->stack_pointer == nullptr) {
      next->stack = thread->stack;
      next->stack_pointer = thread;  // begun; the true one is saved when it waits
      lane = thread = next;
    } else {
      block.stacks_.give_back(thread->stack);
      block.go(*thread, *next);
    }
  }
}

void Block::end_thread(Thread& thread) {
  if (!thread.copies.committed()) fault("a thread ended with cp.async copies that it never committed");
  if (!thread.copies.done()) fault("a thread ended with cp.async copies that it never waited for");
  const uint32_t bit = 1u << thread.index;
  Warp& warp = *thread.warp;
  for (int i = 0; i < warp.n_meetings; i++) {
    if (warp.meetings[i].mask & bit) fault("a lane ended that others of its mask %08x wait for", warp.meetings[i].mask);
  }
  tsan_release(finished_);
  thread.state = State::kEnded;
  warp.ended |= bit;
  n_live_--;
  if (barriers_[0].arrived > 0) fault("a thread ended without the barrier at which others wait");
}

void Block::wait(Thread& self) {
  Thread* to = next();
  if (to == nullptr) deadlock();
  go(self, *to);
  self.state = State::kReady;
}

void Block::go(Thread& from, Thread& to) {
  if (to.stack_pointer == nullptr) begin_thread(to);
  asan_begin_switch(from.state == State::kEnded ? nullptr : &from.asan_fake_stack, stacks_.bottom(to.stack),
                    Stacks::kUsable);
  tsan_switch(to.tsan_fiber);
  lane = &to;
  rkv_emu_switch(&from.stack_pointer, to.stack_pointer);
  asan_end_switch(from.asan_fake_stack, nullptr, nullptr);
}

void Block::leave(Thread& last) {
  stacks_.give_back(last.stack);
  asan_begin_switch(nullptr, caller_stack_, caller_stack_bytes_);
  tsan_switch(caller_tsan_fiber_);
  lane = nullptr;
  rkv_emu_switch(&last.stack_pointer, caller_stack_pointer_);
}

}  // namespace rkv::emu
