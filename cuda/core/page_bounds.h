// Memory for the page bounds of one layer's cache.
#pragma once

#include <vector>

#include "core/kv_block.h"

namespace rkv {

/// Bounds of every candidate list, each with room for its own number of pages (core/ops.h Bounds).
class PageBounds {
 public:
  /// @param candidates  Tokens of every list, -1 for a list that needs no bounds.
  PageBounds(Ops& ops, const CacheShape& shape, int page_size, const std::vector<int>& candidates);

  bool has_room(const std::vector<int>& candidates) const;
  /// Bounds of a list; NULL and 0 pages when it has none.
  Bounds list(size_t i) const;
  bool has(size_t i) const { return pitch_[i] > 0; }
  int page_size() const { return page_size_; }
  int64_t bytes() const { return static_cast<int64_t>(data_.bytes()); }

  bool stale = true;  // memory is new: all pages must be filled again

 private:
  int page_size_;
  std::vector<int> pitch_;      // [lists]
  std::vector<size_t> offset_;  // [lists]: bytes
  Buffer data_;                 // per list [2, head_dim, pitch]
};

}  // namespace rkv
