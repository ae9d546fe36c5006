#include "core/slot_sums.h"

#include <algorithm>

namespace rkv {

SlotSums::SlotSums(Ops& ops, std::vector<int> capacity) : capacity_(std::move(capacity)) {
  size_t total = 0;
  for (const int n : capacity_) first_.push_back(total), total += static_cast<size_t>(n);
  sums_ = Buffer(ops, sizeof(float) * std::max<size_t>(total, 1));
  clear(ops, sums_.as(), sums_.bytes());
}

void SlotSums::copy_from(Ops& ops, const SlotSums& from, std::span<const int> counts) {
  for (size_t h = 0; h < counts.size(); h++) {
    const int i = static_cast<int>(h);
    ops.copy(head(i), from.head(i), sizeof(float) * counts[h]);
  }
}

void SlotSums::take(Ops& ops, int h, const SlotSums& from, std::span<const int32_t> slots) {
  const std::vector<float> sums = download_copy(ops, from.head(h), static_cast<size_t>(from.capacity(h)));
  std::vector<float> taken;
  for (const int32_t slot : slots) taken.push_back(sums[slot]);
  ops.upload(head(h), taken.data(), sizeof(float) * taken.size());
}

}  // namespace rkv
