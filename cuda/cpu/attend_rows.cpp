#include "cpu/attend_rows.h"

#include <algorithm>

namespace rkv::cpu {

namespace {

/// Walks the runs of a cache along ascending slots.
struct RunCursor {
  const Run* run;
  int start = 0;  // first slot of `run`

  int row(int slot) {
    while (slot >= start + run->n) start += run++->n;
    return slot - start;
  }
};

}  // namespace

void locate_rows(const HeadCache& cache, const int32_t* slots, int from, int n, size_t row_bytes, const void** k,
                 const void** v) {
  RunCursor cursor{cache.runs};
  for (int i = 0; i < n; i++) {
    const size_t at = cursor.row(slots != nullptr ? slots[from + i] : from + i) * row_bytes;
    k[i] = static_cast<const char*>(cursor.run->k) + at;
    if (v != nullptr) v[i] = static_cast<const char*>(cursor.run->v) + at;
  }
  std::fill_n(k + n, kRowPadding, k[n - 1]);
  if (v != nullptr) std::fill_n(v + n, kRowPadding, v[n - 1]);
}

int32_t position_of(const HeadCache& cache, int slot) {
  RunCursor cursor{cache.runs};
  const int row = cursor.row(slot);
  return cursor.run->position[row];
}

int first_slot_at(const HeadCache& cache, int64_t position) {
  int start = 0;
  for (int i = 0; i < cache.n_runs; start += cache.runs[i++].n) {
    const Run& run = cache.runs[i];
    if (run.n == 0 || run.position[run.n - 1] < position) continue;
    return start + static_cast<int>(std::lower_bound(run.position, run.position + run.n, position) - run.position);
  }
  return start;
}

}  // namespace rkv::cpu
