// Plain C wrappers around cpu/thread_pool.h for test/native/thread_pool_test.ts.
#include <stdexcept>
#include <thread>
#include <vector>

#include "cpu/cpu_level.h"
#include "cpu/thread_pool.h"
#include "rocketkv.h"

using namespace rkv::cpu;

extern "C" {

RKV_API int32_t rkvt_usable_threads() { return usable_threads(); }

/// Run `rounds` regions of `n_tasks`. done i32 [n_tasks]: how often each task ran. Returns how many tasks found another
/// task of their worker unfinished, which must be none.
RKV_API int32_t rkvt_pool_run(int32_t threads, int32_t rounds, int32_t n_tasks, int32_t* done) {
  ThreadPool pool(threads);
  std::vector<std::atomic<int32_t>> counts(static_cast<size_t>(n_tasks));
  std::vector<std::atomic<int32_t>> busy(static_cast<size_t>(pool.size()));
  std::atomic<int32_t> clashes{0};
  for (int round = 0; round < rounds; round++) {
    pool.run(n_tasks, [&](int task, int worker) {
      auto& mine = busy[static_cast<size_t>(worker)];
      if (mine.fetch_add(1) != 0) clashes++;
      counts[static_cast<size_t>(task)]++;
      mine--;
    });
  }
  for (size_t i = 0; i < counts.size(); i++) done[i] = counts[i];
  return clashes;
}

/// Threads `callers` call run() at the same time, each task of which calls run() again. Returns the inner tasks run.
RKV_API int32_t rkvt_pool_callers(int32_t threads, int32_t callers, int32_t rounds, int32_t n_tasks) {
  ThreadPool pool(threads);
  std::atomic<int32_t> ran{0};
  std::vector<std::thread> all;
  for (int caller = 0; caller < callers; caller++) {
    all.emplace_back([&] {
      for (int round = 0; round < rounds; round++) {
        pool.run(n_tasks,
                 [&](int, int outer) { pool.run(n_tasks, [&](int, int inner) { ran += inner == outer ? 1 : 0; }); });
      }
    });
  }
  for (std::thread& thread : all) thread.join();
  return ran;
}

/// Every third task throws; then the pool is used again. Returns the sum of exceptions caught and tasks run afterwards.
RKV_API int32_t rkvt_pool_throw(int32_t threads, int32_t n_tasks) {
  ThreadPool pool(threads);
  int32_t caught = 0;
  try {
    pool.run(n_tasks, [](int task, int) {
      if (task % 3 == 2) throw std::runtime_error("task failed");
    });
  } catch (const std::runtime_error&) {
    caught++;
  }
  std::atomic<int32_t> ran{0};
  pool.run(n_tasks, [&](int, int) { ran++; });
  return caught + ran;
}

}  // extern "C"
