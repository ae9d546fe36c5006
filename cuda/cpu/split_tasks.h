// Items of unequal size, each cut into splits, spread over the pool in one parallel region.
#pragma once

#include <algorithm>
#include <atomic>
#include <span>
#include <vector>

#include "cpu/thread_pool.h"

namespace rkv::cpu {

/// Call work(item, split, worker) for every split of every item; whoever does an item's last one then calls
/// finish(item, worker).
///
/// finish() sees all that work() wrote for the item. It saves a second region, and it can merge in the order of the
/// splits, so that results do not depend on who was last. `splits[item]` >= 1.
template <class Work, class Finish>
void run_splits(ThreadPool& pool, std::span<const int> splits, Work&& work, Finish&& finish) {
  std::vector<int> end(splits.size());
  std::vector<std::atomic<int>> left(splits.size());
  int n_tasks = 0;
  for (size_t i = 0; i < splits.size(); i++) {
    end[i] = n_tasks += splits[i];
    left[i].store(splits[i], std::memory_order_relaxed);
  }
  pool.run(n_tasks, [&](int task, int worker) {
    const int item = static_cast<int>(std::upper_bound(end.begin(), end.end(), task) - end.begin());
    work(item, task - (end[item] - splits[item]), worker);
    if (left[item].fetch_sub(1, std::memory_order_acq_rel) == 1) finish(item, worker);
  });
}

}  // namespace rkv::cpu
