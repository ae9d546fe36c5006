#include "cpu/attend_rows.h"

#include <algorithm>

#include "cpu/decode_rows.h"

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

bool is_quantised(const HeadCache& cache) {
  return std::any_of(cache.runs, cache.runs + cache.n_runs, [](const Run& run) { return run.codes.bits != 0; });
}

}  // namespace

void locate_rows(const HeadCache& cache, const int32_t* slots, int from, int n, int d, DType kv, const void** k,
                 const void** v) {
  thread_local RowDecoder decoder;
  const size_t row_bytes = d * element_bytes(kv);
  const bool decodes = is_quantised(cache);
  if (decodes) decoder.begin(n, d, kv);
  RunCursor cursor{cache.runs};
  for (int i = 0; i < n; i++) {
    const int row = cursor.row(slots != nullptr ? slots[from + i] : from + i);
    const Run& run = *cursor.run;
    if (decodes && run.codes.bits != 0) {
      k[i] = decoder.key(run, row);
      if (v != nullptr) v[i] = decoder.value(run, row);
    } else {
      k[i] = static_cast<const char*>(run.k) + row * row_bytes;
      if (v != nullptr) v[i] = static_cast<const char*>(run.v) + row * row_bytes;
    }
  }
  std::fill_n(k + n, kRowPadding, k[n - 1]);
  if (v != nullptr) std::fill_n(v + n, kRowPadding, v[n - 1]);
}

int64_t stored_bytes(const HeadCache& cache, const int32_t* slots, int from, int n, int d, DType kv) {
  if (!is_quantised(cache)) return n * d * static_cast<int64_t>(element_bytes(kv));
  RunCursor cursor{cache.runs};
  int64_t bytes = 0;
  for (int i = 0; i < n; i++) {
    cursor.row(slots != nullptr ? slots[from + i] : from + i);
    bytes += stored_row_bytes(*cursor.run, d, kv);
  }
  return bytes;
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
