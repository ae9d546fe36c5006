// One block that runs: its threads as fibers, their warps, its shared memory.
//
// A thread runs until it waits, then switches straight to another that can go on: in lane order, or a random one under
// a seed. The last to arrive at a meeting does the work for all and goes on. When nobody can go on it is a deadlock.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "emu/async_copy.h"
#include "emu/fiber.h"
#include "emu/lane.h"
#include "emu/random.h"
#include "emu/sanitizers.h"
#include "emu/site.h"

namespace rkv::emu {

class Block;
struct Warp;

/// Where a thread is.
enum class State : uint8_t { kReady, kCollective, kBarrier, kEnded };

struct Thread : Lane {
  Block* block;
  Warp* warp;
  void* stack_pointer;  // NULL: not begun
  int stack;
  State state;
  Site site;      // of the collective or barrier it waits at
  uint32_t mask;  // of the collective
  int barrier;
  AsyncCopies copies;
  void* tsan_fiber = nullptr;
  void* asan_fake_stack;
  char arrived, left;  // TSan tags of __syncwarp
};

/// What the last lane of a meeting does for all: Warp::in and source to Warp::out.
using Exchange = void (*)(Warp&, uint32_t mask);

/// A collective that some lanes of `mask` have reached.
struct Meeting {
  uint32_t mask, arrived;
  Site site;
};

struct Warp {
  Thread* threads;
  int index;
  uint32_t all, ready, ended;
  uint32_t at_barrier[16];
  int n_meetings;
  Meeting meetings[32];
  uint64_t in[32], out[32];  // a collective's operand and result, bits; or an address
  int source[32];
};

struct Barrier {
  int arrived, vote, result;
  Site site;
  unsigned generation;
  char tags[2];  // TSan, by generation: who leaves late must not be ordered after who comes back early
};

class Block {
 public:
  static constexpr size_t kMaxShared = 163 * 1024;       // dynamic and static together, as on sm_80
  static constexpr size_t kMaxStaticShared = 48 * 1024;  // nvcc refuses more
  static constexpr int kMaxThreads = 1024;

  Block();
  ~Block();
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  /// Run block `index` of a grid to its end. `seed` 0: lanes in order.
  void run(uint3 index, dim3 grid, dim3 dim, size_t shared_bytes, const std::function<void()>& run_lane, uint64_t seed);

  // Called by the running thread.
  void meet(Thread& self, Exchange exchange, uint32_t mask, const Site& site);
  int barrier(Thread& self, int id, int count, int vote, const Site& site);
  void* shared_variable(const void* key, size_t bytes, size_t alignment);
  bool is_shared(const void* p, size_t bytes) const;
  /// TSan: what the block wrote is visible to the host from now on.
  void join() { tsan_acquire(finished_); }

  /// One line per thread that has not ended, for a fault.
  void print(const Thread* self) const;

 private:
  struct Variable {
    const void* key;
    size_t offset;
  };

  void begin_shared(size_t dynamic_bytes);
  void begin_threads();
  void begin_thread(Thread& thread);
  void end_thread(Thread& thread);
  static void entry();
  Thread* next();
  void wait(Thread& self);
  void go(Thread& from, Thread& to);
  void leave(Thread& last);
  [[noreturn]] void deadlock() const;
  void make_ready(Warp& warp, uint32_t lanes);

  BlockView view_;
  int n_threads_, n_live_, n_warps_;
  std::unique_ptr<Thread[]> threads_;
  std::unique_ptr<Warp[]> warps_;
  uint32_t ready_warps_;  // warps with a lane that can go on
  int warp_;              // whose lane runs
  Barrier barriers_[16];
  const std::function<void()>* run_lane_;
  Stacks stacks_;

  char* shared_;
  size_t shared_used_, static_bytes_;
  std::vector<Variable> variables_;

  Random random_;
  bool shuffle_;

  void* caller_stack_pointer_;  // of whoever called run()
  void* caller_tsan_fiber_;
  void* caller_fake_stack_;
  const void* caller_stack_;
  size_t caller_stack_bytes_;
  char begun_, finished_;  // TSan tags of the block's start and end
};

/// The running thread; only inside a kernel.
inline Thread& self() { return *static_cast<Thread*>(lane); }

/// Say what a kernel did wrong and where every thread of its block is, then abort.
[[noreturn]] void fault(const char* format, ...) __attribute__((format(printf, 1, 2)));

}  // namespace rkv::emu
