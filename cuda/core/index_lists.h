// Which slots of a layer's cache may be attended to.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "core/buffer.h"

namespace rkv {

/// `n_lists` lists of ascending slots for every KV head: one for all its query heads, or one for each of them.
///
/// The lists of a KV head end in the same column, so that a new slot is appended to all of them in one go.
class IndexLists {
 public:
  /// Copy lists: slots [n_kv_heads * n_lists][counts] (device).
  IndexLists(Ops& ops, int n_lists, std::span<const int32_t* const> slots, std::span<const int32_t> counts);
  /// A copy with room for n more slots in every list.
  std::shared_ptr<IndexLists> grown(Ops& ops, int n) const;
  bool has_room(int n) const;

  int n_lists() const { return n_lists_; }
  int count(int head, int list) const { return end_[head] - first_[at(head, list)]; }
  const int32_t* slots(int head, int list) const { return row(head, list) + first_[at(head, list)]; }

  /// Fill in the index part of an append of rows.n tokens.
  void append(int head, int first_slot, Append* rows);
  int64_t bytes() const { return static_cast<int64_t>(slots_.bytes()); }

 private:
  IndexLists(int n_lists, std::vector<int> first, std::vector<int> end);
  size_t at(int head, int list) const { return static_cast<size_t>(head) * n_lists_ + list; }
  int32_t* row(int head, int list) const { return slots_.as<int32_t>() + at(head, list) * capacity_; }

  int n_lists_;
  std::vector<int> first_;  // [n_kv_heads * n_lists]: column where a list begins
  std::vector<int> end_;    // [n_kv_heads]: column behind the last slot of a head's lists
  int capacity_ = 0;
  Buffer slots_;  // i32 [n_kv_heads * n_lists, capacity]
};

}  // namespace rkv
