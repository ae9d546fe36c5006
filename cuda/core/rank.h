// The order in which tokens stay: pooled scores, and what decides between equals. One copy for every backend's host
// code.
#pragma once

#include <cstdint>
#include <vector>

#include "rocketkv.h"

namespace rkv {

/// A scored token that competes for a place in the cache.
struct Entry {
  double pooled;
  float score;    // before pooling
  int32_t index;  // its slot

  /// A wide pool makes plateaus of equal scores, so ties are the rule: the higher score before pooling goes first (the
  /// peak of a plateau is not lost before its neighbours) unless `by_position`, then the lower slot.
  bool before(const Entry& other, bool by_position) const {
    if (pooled != other.pooled) return pooled > other.pooled;
    if (score != other.score && !by_position) return score > other.score;
    return index < other.index;
  }
};

/// Pool score[n] with stride 1. MAX ignores what lies outside; AVG counts it as zeros, always divides by the width, and
/// is calculated in f64. The first `sinks` come out worth more than anything.
std::vector<Entry> pool_scores(const float* score, int n, int sinks, int pool, int pool_width);

/// Bring the `keep` best to the front, in no particular order.
void best_to_front(std::vector<Entry>& entries, int keep, bool by_position);

}  // namespace rkv
