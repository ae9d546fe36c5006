#include "cpu/thread_pool.h"

#include <immintrin.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <utility>

namespace rkv::cpu {
namespace {

using std::chrono::microseconds;
using std::chrono::steady_clock;

// Longer than the pauses between the ops of a token, shorter than anyone's patience with a busy core.
constexpr microseconds kWorkerSpin{100};
// The caller gives up its core sooner: if the last task's worker lost its own, the kernel can move it here.
constexpr microseconds kCallerSpin{50};

// Which pool's task this thread is in, if any.
struct Inside {
  const ThreadPool* pool = nullptr;
  int worker = 0;
};
thread_local Inside inside;

void futex_wait(std::atomic<uint32_t>& word, uint32_t seen) {
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, seen, nullptr, nullptr, 0);
}

void futex_wake(std::atomic<uint32_t>& word, int threads) {
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, threads, nullptr, nullptr, 0);
}

bool has_task(uint64_t ticket) { return static_cast<uint32_t>(ticket) < static_cast<uint32_t>(ticket >> 32); }

/// Spin until `ready()` or the time is over; true if ready.
template <class Ready>
bool spin(microseconds limit, Ready&& ready) {
  const auto end = steady_clock::now() + limit;
  do {
    for (int i = 0; i < 32; i++) {
      if (ready()) return true;
      _mm_pause();
    }
  } while (steady_clock::now() < end);
  return ready();
}

}  // namespace

ThreadPool::ThreadPool(int n_threads) {
  // Signals are the host program's: workers inherit a full mask.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    workers_.reserve(std::max(0, n_threads - 1));
    for (int worker = 1; worker < n_threads; worker++) {
      workers_.emplace_back([this, worker] { worker_loop(worker); });
      pthread_setname_np(workers_.back().native_handle(), "rkv-worker");
    }
  } catch (...) {
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    stop();
    throw;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

ThreadPool::~ThreadPool() { stop(); }

void ThreadPool::stop() {
  stopping_ = true;
  wake_++;
  futex_wake(wake_, static_cast<int>(workers_.size()));
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::run_tasks(int n_tasks, Body body, void* fn) {
  if (n_tasks <= 0) return;
  if (inside.pool == this) {
    for (int task = 0; task < n_tasks; task++) body(fn, task, inside.worker);
    return;
  }
  std::lock_guard lock(callers_);
  const Inside outer = inside;
  inside = {this, 0};
  if (n_tasks == 1 || workers_.empty()) {
    try {
      for (int task = 0; task < n_tasks; task++) body(fn, task, 0);
    } catch (...) {
      inside = outer;
      throw;
    }
  } else {
    body_ = body;
    fn_ = fn;
    publish(n_tasks);
    work(0);
    wait_for_tasks(static_cast<uint32_t>(n_tasks));
  }
  inside = outer;
  if (failed_.load(std::memory_order_relaxed)) {
    failed_.store(false, std::memory_order_relaxed);
    std::rethrow_exception(std::exchange(error_, nullptr));
  }
}

/// Make the region visible and wake as many sleepers as it can use beyond the workers that spin.
void ThreadPool::publish(int n_tasks) {
  done_.store(0, std::memory_order_relaxed);
  ticket_.store(static_cast<uint64_t>(n_tasks) << 32);  // seq_cst, like sleepers_: see wait_for_work()
  const int asleep = static_cast<int>(sleepers_.load());
  const int awake = static_cast<int>(workers_.size()) - asleep;
  const int wanted = std::min(n_tasks - 1 - awake, asleep);
  if (wanted <= 0) return;
  wake_.fetch_add(1);
  futex_wake(wake_, wanted);
}

/// Take and finish tasks until there are none.
void ThreadPool::work(int worker) {
  while (has_task(ticket_.load(std::memory_order_relaxed))) {
    const uint64_t ticket = ticket_.fetch_add(1, std::memory_order_acquire);
    if (!has_task(ticket)) return;
    // From here to the count below the region cannot end, so its fields are ours to read.
    const auto n_tasks = static_cast<uint32_t>(ticket >> 32);
    if (!failed_.load(std::memory_order_relaxed)) {
      try {
        body_(fn_, static_cast<int>(static_cast<uint32_t>(ticket)), worker);
      } catch (...) {
        if (!failed_.exchange(true)) error_ = std::current_exception();
      }
    }
    if (done_.fetch_add(1) + 1 == n_tasks && caller_sleeps_.load()) futex_wake(done_, 1);
  }
}

void ThreadPool::worker_loop(int worker) {
  inside = {this, worker};
  while (!stopping_.load(std::memory_order_relaxed)) {
    work(worker);
    wait_for_work();
  }
}

void ThreadPool::wait_for_work() {
  const auto ready = [this] {
    return has_task(ticket_.load(std::memory_order_relaxed)) || stopping_.load(std::memory_order_relaxed);
  };
  if (spin(kWorkerSpin, ready)) return;
  // Announce the sleep, then look once more: either this sees the new ticket or publish() sees the sleeper. A wake
  // between reading `seen` and sleeping changes wake_, so that futex_wait returns at once.
  const uint32_t seen = wake_.load();
  sleepers_.fetch_add(1);
  if (!has_task(ticket_.load()) && !stopping_.load()) futex_wait(wake_, seen);
  sleepers_.fetch_sub(1);
}

void ThreadPool::wait_for_tasks(uint32_t n_tasks) {
  const auto ready = [&] { return done_.load(std::memory_order_acquire) == n_tasks; };
  if (spin(kCallerSpin, ready)) return;
  caller_sleeps_.store(true);
  for (uint32_t done = done_.load(); done != n_tasks; done = done_.load()) futex_wait(done_, done);
  caller_sleeps_.store(false);
}

}  // namespace rkv::cpu
