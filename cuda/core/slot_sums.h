// One f32 for every slot of a layer's cache.
#pragma once

#include <span>
#include <vector>

#include "core/buffer.h"

namespace rkv {

/// Attention that every slot of every KV head has received so far. What lies behind a head's slots is 0, so that a new
/// slot begins with nothing.
class SlotSums {
 public:
  /// Room for capacity[h] slots of head h, all 0.
  SlotSums(Ops& ops, std::vector<int> capacity);

  float* head(int h) const { return sums_.as<float>() + first_[h]; }
  int capacity(int h) const { return capacity_[h]; }
  /// Take over the first counts[h] sums of every head.
  void copy_from(Ops& ops, const SlotSums& from, std::span<const int> counts);
  /// The first sums of head h become those of `from` at given slots (host); the two may be the same.
  void take(Ops& ops, int h, const SlotSums& from, std::span<const int32_t> slots);
  int64_t bytes() const { return static_cast<int64_t>(sums_.bytes()); }

 private:
  std::vector<int> capacity_;
  std::vector<size_t> first_;  // [n_kv_heads]
  Buffer sums_;
};

}  // namespace rkv
