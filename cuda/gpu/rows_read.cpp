#include "gpu/rows_read.h"

#include <algorithm>

namespace rkv::gpu {
namespace {

std::vector<int32_t> download(Launcher& launcher, const int32_t* from, size_t count) {
  std::vector<int32_t> values(count);
  launcher.wait();
  check(cudaMemcpy(values.data(), from, count * sizeof(int32_t), cudaMemcpyDeviceToHost), "read what was selected");
  return values;
}

int64_t stored_row_bytes(const Run& run, int d, DType kv) {
  if (run.codes.bits == 0) return row_bytes(kv, d);
  return d * run.codes.bits / 8 + 4 * (d / run.codes.group);  // a scale and a minimum for every `group` elements
}

/// @param at  int at(int i): the i-th of n ascending slots.
template <class At>
int64_t count_stored(const HeadCache& cache, int n, int d, DType kv, At at) {
  const Run* run = cache.runs;
  int begin = 0;
  int64_t bytes = 0;
  for (int i = 0; i < n; i++) {
    while (at(i) >= begin + run->n) begin += run++->n;
    bytes += stored_row_bytes(*run, d, kv);
  }
  return bytes;
}

}  // namespace

bool has_codes(const HeadCache& cache) {
  return std::any_of(cache.runs, cache.runs + cache.n_runs,
                     [](const Run& run) { return run.n > 0 && run.codes.bits != 0; });
}

int64_t stored_bytes(Launcher& launcher, const HeadCache& cache, const int32_t* slots, int from, int n, int d,
                     DType kv) {
  if (!has_codes(cache)) return n * row_bytes(kv, d);
  if (slots == nullptr) return count_stored(cache, n, d, kv, [&](int i) { return from + i; });
  const std::vector<int32_t> list = download(launcher, slots + from, static_cast<size_t>(n));
  return count_stored(cache, n, d, kv, [&](int i) { return list[static_cast<size_t>(i)]; });
}

bool mixes_mean(const DecodeHead& head) {
  return head.select && head.mass != nullptr && head.cache.candidates() - head.first > head.plan->top_k;
}

void count_attended(Launcher& launcher, DecodeHead& head, int group, int d, DType kv) {
  const HeadCache& cache = head.cache;
  const int live = cache.candidates() - head.first;
  if (!head.select || live <= head.plan->top_k) {
    head.tokens_attended = live;
    head.attend_read_bytes = 2 * stored_bytes(launcher, cache, cache.index, head.first, live, d, kv);
    return;
  }
  const int lists = head.plan->rank == RKV_RANK_PER_HEAD ? group : 1, top_k = head.plan->top_k;
  int n = top_k;
  if (lists == 1) {
    if (head.plan->whole_pages != 0) n = download(launcher, head.n_selected, 1)[0];
    head.attend_read_bytes = 2 * stored_bytes(launcher, cache, head.selected, 0, n, d, kv);
  } else {
    const std::vector<int32_t> counts = download(launcher, head.n_selected, static_cast<size_t>(lists));
    const std::vector<int32_t> all = download(launcher, head.selected, static_cast<size_t>(lists) * top_k);
    std::vector<int32_t> slots;
    for (int g = 0; g < lists; g++) slots.insert(slots.end(), &all[g * top_k], &all[g * top_k] + counts[g]);
    std::sort(slots.begin(), slots.end());
    n = static_cast<int>(std::unique(slots.begin(), slots.end()) - slots.begin());
    const auto at = [&](int i) { return slots[static_cast<size_t>(i)]; };
    head.attend_read_bytes = 2 * count_stored(cache, n, d, kv, at);
  }
  head.tokens_attended = n;
  if (mixes_mean(head)) head.attend_read_bytes += int64_t{d} * static_cast<int64_t>(sizeof(float));
}

}  // namespace rkv::gpu
