#include "core/index_lists.h"

#include <algorithm>

namespace rkv {
namespace {

constexpr int kFirstRoom = 64;  // slots that can be appended before the lists have to grow

int longest(const std::vector<int>& end) { return end.empty() ? 0 : *std::max_element(end.begin(), end.end()); }

}  // namespace

IndexLists::IndexLists(int n_lists, std::vector<int> first, std::vector<int> end)
    : n_lists_(n_lists), first_(std::move(first)), end_(std::move(end)) {}

IndexLists::IndexLists(Ops& ops, int n_lists, std::span<const int32_t* const> slots, std::span<const int32_t> counts)
    : n_lists_(n_lists), first_(counts.size()), end_(counts.size() / n_lists) {
  for (size_t i = 0; i < counts.size(); i++) end_[i / n_lists] = std::max(end_[i / n_lists], counts[i]);
  capacity_ = longest(end_) + kFirstRoom;
  slots_ = Buffer(ops, sizeof(int32_t) * counts.size() * capacity_);
  for (size_t i = 0; i < counts.size(); i++) {
    const int head = static_cast<int>(i) / n_lists, list = static_cast<int>(i) % n_lists;
    first_[i] = end_[head] - counts[i];
    ops.copy(row(head, list) + first_[i], slots[i], sizeof(int32_t) * counts[i]);
  }
}

bool IndexLists::has_room(int n) const { return longest(end_) + n <= capacity_; }

std::shared_ptr<IndexLists> IndexLists::grown(Ops& ops, int n) const {
  std::shared_ptr<IndexLists> copy(new IndexLists(n_lists_, first_, end_));
  copy->capacity_ = has_room(n) ? capacity_ : 2 * (longest(end_) + n);
  copy->slots_ = Buffer(ops, sizeof(int32_t) * first_.size() * copy->capacity_);
  for (int h = 0; h < static_cast<int>(end_.size()); h++) {
    for (int list = 0; list < n_lists_; list++) {
      ops.copy(copy->row(h, list), row(h, list), sizeof(int32_t) * end_[h]);
    }
  }
  return copy;
}

void IndexLists::append(int head, int first_slot, Append* rows) {
  rows->index_out = row(head, 0) + end_[head];
  rows->n_lists = n_lists_;
  rows->index_stride = capacity_;
  rows->first_slot = first_slot;
  end_[head] += rows->n;
}

}  // namespace rkv
