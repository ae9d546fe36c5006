// A HeadCache as kernels see it: its runs lie in device memory and know their slots.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "core/ops.h"
#include "gpu/launcher.h"

namespace rkv::gpu {

/// A Run that is not empty, and the slots that it holds.
struct SlotRun {
  const uint8_t *k, *v;     // [end - begin, d] of the KV dtype, or codes
  const int32_t* position;  // [end - begin]
  int32_t begin, end;
  int32_t bits, group;  // KvCodes; bits 0: no codes
  const uint16_t *k_scale, *v_scale;
};

struct CacheView {
  const SlotRun* runs;  // device, slots ascending without gaps
  int32_t n_runs, n;
  const int32_t* index;  // device, or NULL
  int32_t n_index;

  __device__ int candidates() const { return index != nullptr ? n_index : n; }
  __device__ int slot_of(int candidate) const { return index != nullptr ? index[candidate] : candidate; }

  /// The run that holds `slot`, 0 <= slot < n.
  __device__ const SlotRun* find_run(int slot) const {
    int low = 0, high = n_runs - 1;
    while (low < high) {
      const int middle = (low + high) / 2;
      if (runs[middle].end <= slot)
        low = middle + 1;
      else
        high = middle;
    }
    return runs + low;
  }
  __device__ int position_of(int slot) const {
    const SlotRun* run = find_run(slot);
    return run->position[slot - run->begin];
  }
  /// The first slot whose position is >= `position`; n when there is none.
  __device__ int first_slot_at(int position) const {
    int low = 0, high = n;
    while (low < high) {
      const int middle = low + (high - low) / 2;
      if (position_of(middle) < position)
        low = middle + 1;
      else
        high = middle;
    }
    return low;
  }
};

/// Views of the caches of `items`; what they point to is staged in one piece. cache(item) gives a HeadCache.
template <class T, class Cache = std::identity>
std::vector<CacheView> view_caches(Launcher& launcher, std::span<const T> items, Cache cache = {}) {
  std::vector<SlotRun> runs;
  std::vector<CacheView> views;
  std::vector<size_t> first;
  for (const T& item : items) {
    const HeadCache& head = std::invoke(cache, item);
    first.push_back(runs.size());
    int32_t begin = 0;
    for (int i = 0; i < head.n_runs; i++) {
      const Run& run = head.runs[i];
      if (run.n == 0) continue;
      runs.push_back({static_cast<const uint8_t*>(run.k), static_cast<const uint8_t*>(run.v), run.position, begin,
                      begin + run.n, run.codes.bits, run.codes.group, run.codes.k_scale, run.codes.v_scale});
      begin += run.n;
    }
    views.push_back({nullptr, static_cast<int32_t>(runs.size() - first.back()), head.n, head.index, head.n_index});
  }
  const SlotRun* staged = launcher.stage(std::span<const SlotRun>(runs));
  for (size_t i = 0; i < views.size(); i++) views[i].runs = staged + first[i];
  return views;
}

}  // namespace rkv::gpu
