// A pool of threads that one op at a time spreads its tasks over.
//
// Decode runs hundreds of parallel regions of some ten microseconds per token, so a region must cost about one: the
// caller works as well, idle workers spin for a short while before they sleep, and tasks are handed out one by one.
// The caller waits for tasks, never for workers: when a neighbour process takes a worker's core, the others do its
// share, and the only wait is for the task that it already holds.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

namespace rkv::cpu {

class ThreadPool {
 public:
  /// `n_threads` >= 1 threads work, the calling one included. Throws std::system_error if they cannot be started.
  explicit ThreadPool(int n_threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int size() const { return static_cast<int>(workers_.size()) + 1; }

  /// Call fn(task, worker) for every task in [0, n_tasks); returns when all are done.
  ///
  /// `worker` in [0, size()) is never used by two tasks at a time, so it may index scratch memory; 0 is the caller.
  /// Calls from several threads wait for each other; a call from inside a task runs on the spot. The first exception of
  /// a task is thrown again here, and tasks that have not begun by then are left out.
  template <class F>
  void run(int n_tasks, F&& fn) {
    using Fn = std::remove_reference_t<F>;
    const Body body = [](void* f, int task, int worker) { (*static_cast<Fn*>(f))(task, worker); };
    run_tasks(n_tasks, body, const_cast<void*>(static_cast<const void*>(&fn)));
  }

 private:
  using Body = void (*)(void* fn, int task, int worker);

  void run_tasks(int n_tasks, Body body, void* fn);
  void publish(int n_tasks);
  void work(int worker);
  void worker_loop(int worker);
  void wait_for_work();
  void wait_for_tasks(uint32_t n_tasks);
  void stop();

  std::vector<std::thread> workers_;
  std::mutex callers_;  // one region at a time

  // The region that runs now. Stable while a task of it is unfinished, hence for everyone who holds one.
  Body body_ = nullptr;
  void* fn_ = nullptr;
  std::exception_ptr error_;
  std::atomic<bool> failed_{false};
  std::atomic<bool> stopping_{false};

  // Tasks in all in the high half, next task in the low half: one fetch_add both takes a task and tells whether there
  // was one, so that a worker who comes late to a region can do no harm to the one after it.
  alignas(64) std::atomic<uint64_t> ticket_{0};
  alignas(64) std::atomic<uint32_t> done_{0};      // finished tasks of this region
  std::atomic<bool> caller_sleeps_{false};         // ... on done_
  alignas(64) std::atomic<uint32_t> sleepers_{0};  // workers that sleep, or are about to, on wake_
  std::atomic<uint32_t> wake_{0};
};

}  // namespace rkv::cpu
