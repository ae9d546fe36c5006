// Caches cut into stretches of rows, one task each. The cut does not depend on the thread count, and neither do sums
// that are merged in its order.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "cpu/attend_rows.h"
#include "cpu/split_tasks.h"

namespace rkv::cpu {

constexpr int kSplitRows = 512;

constexpr int row_splits(int n) { return (n + kSplitRows - 1) / kSplitRows; }

/// Number of splits of every head, at least one, rows_of(head) being its rows.
template <class Head, class RowsOf>
std::vector<int> splits_of(std::span<const Head> heads, RowsOf&& rows_of) {
  std::vector<int> splits;
  for (const Head& head : heads) splits.push_back(std::max(1, row_splits(rows_of(head))));
  return splits;
}

/// The rows of one split.
struct RowSplit {
  /// Of the first `count` slots of a cache, or of its index list with `indexed`.
  RowSplit(const HeadCache& cache, int split, int count, int d, DType kv, bool indexed = false)
      : from(split * kSplitRows), n(std::min(kSplitRows, count - from)) {
    if (n > 0) locate_rows(cache, indexed ? cache.index : nullptr, from, n, d, kv, k, v);
  }
  int from, n;
  const void* k[kSplitRows + kRowPadding];
  const void* v[kSplitRows + kRowPadding];
};

}  // namespace rkv::cpu
