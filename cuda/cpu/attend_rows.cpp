#include "cpu/attend_rows.h"

#include <algorithm>
#include <memory>

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

/// Call fn(i, run, row of the run) for n slots.
template <class Fn>
void for_rows(const HeadCache& cache, const int32_t* slots, int from, int n, Fn&& fn) {
  RunCursor cursor{cache.runs};
  for (int i = 0; i < n; i++) {
    const int row = cursor.row(slots != nullptr ? slots[from + i] : from + i);
    fn(i, *cursor.run, row);
  }
}

const void* row_at(const void* rows, int row, int d, DType kv) {
  return static_cast<const char*>(rows) + row * (d * element_bytes(kv));
}

bool is_quantised(const HeadCache& cache) {
  return std::any_of(cache.runs, cache.runs + cache.n_runs, [](const Run& run) { return run.codes.bits != 0; });
}

}  // namespace

void locate_rows(const HeadCache& cache, const int32_t* slots, int from, int n, int d, DType kv, const void** k,
                 const void** v) {
  if (is_quantised(cache)) {
    // On the heap: a library that is loaded late finds little thread-local memory.
    thread_local const auto own = std::make_unique<RowDecoder>();
    RowDecoder& decoder = *own;
    decoder.begin(n, d, kv);
    for_rows(cache, slots, from, n, [&](int i, const Run& run, int row) {
      const bool plain = run.codes.bits == 0;
      k[i] = plain ? row_at(run.k, row, d, kv) : decoder.key(run, row);
      if (v != nullptr) v[i] = plain ? row_at(run.v, row, d, kv) : decoder.value(run, row);
    });
  } else {
    for_rows(cache, slots, from, n, [&](int i, const Run& run, int row) {
      k[i] = row_at(run.k, row, d, kv);
      if (v != nullptr) v[i] = row_at(run.v, row, d, kv);
    });
  }
  std::fill_n(k + n, kRowPadding, k[n - 1]);
  if (v != nullptr) std::fill_n(v + n, kRowPadding, v[n - 1]);
}

int64_t stored_bytes(const HeadCache& cache, const int32_t* slots, int from, int n, int d, DType kv) {
  if (!is_quantised(cache)) return n * d * static_cast<int64_t>(element_bytes(kv));
  int64_t bytes = 0;
  for_rows(cache, slots, from, n, [&](int, const Run& run, int) { bytes += stored_row_bytes(run, d, kv); });
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
