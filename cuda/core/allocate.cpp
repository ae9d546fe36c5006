#include "core/allocate.h"

#include <algorithm>

namespace rkv {
namespace {

/// A token that competes with those of other heads.
struct Rival {
  const Entry* entry;
  int head;
};

/// Count by head the `n` best of all: of equals those of the lower head.
void count_best(std::vector<Rival>& rivals, int64_t n, bool by_position, std::vector<int>& count) {
  n = std::clamp<int64_t>(n, 0, static_cast<int64_t>(rivals.size()));
  std::nth_element(rivals.begin(), rivals.begin() + n, rivals.end(), [&](const Rival& a, const Rival& b) {
    const bool alike = a.entry->pooled == b.entry->pooled && (by_position || a.entry->score == b.entry->score);
    return alike && a.head != b.head ? a.head < b.head : a.entry->before(*b.entry, by_position);
  });
  for (int64_t i = 0; i < n; i++) count[static_cast<size_t>(rivals[static_cast<size_t>(i)].head)]++;
}

/// Ada-KV (arXiv:2407.11550): the share of the overall best that a head has, softened by the safeguard. Rounding makes
/// the total differ from all places by up to one per head.
std::vector<int> soften_best(const rkv_plan& plan, std::span<const std::vector<Entry>> heads, int places) {
  std::vector<Rival> rivals;
  for (size_t h = 0; h < heads.size(); h++) {
    for (const Entry& entry : heads[h]) rivals.push_back({&entry, static_cast<int>(h)});
  }
  std::vector<int> count(heads.size(), 0);
  count_best(rivals, int64_t{places} * static_cast<int64_t>(heads.size()), plan.tie_by_position != 0, count);
  const double safeguard = as_written(plan.safeguard), safe = std::floor(safeguard * places);
  for (size_t h = 0; h < heads.size(); h++) {
    const int dealt = static_cast<int>(std::nearbyint((1 - safeguard) * count[h] + safe));  // halves to the even one
    count[h] = std::min(std::max(dealt, plan.sinks), static_cast<int>(heads[h].size()));
  }
  return count;
}

/// As kvpress does it: the best of every head are safe, recent tokens counted; the rest are the best of all heads.
std::vector<int> safe_then_best(const rkv_plan& plan, std::span<const std::vector<Entry>> heads, int places) {
  const int recent = plan.keep - places;
  const int safe = std::max(static_cast<int>(std::floor(as_written(plan.safeguard) * plan.keep)) - recent, 0);
  std::vector<std::vector<Entry>> own(heads.begin(), heads.end());
  std::vector<Rival> rivals;
  for (size_t h = 0; h < own.size(); h++) {
    best_to_front(own[h], safe, plan.tie_by_position != 0);
    for (size_t i = static_cast<size_t>(safe); i < own[h].size(); i++)
      rivals.push_back({&own[h][i], static_cast<int>(h)});
  }
  std::vector<int> count(heads.size(), safe);
  count_best(rivals, int64_t{places - safe} * static_cast<int64_t>(heads.size()), plan.tie_by_position != 0, count);
  return count;
}

}  // namespace

std::vector<int> allocate(const rkv_plan& plan, std::span<const std::vector<Entry>> heads, int places) {
  if (plan.alloc == RKV_ALLOC_ADA) return soften_best(plan, heads, places);
  if (plan.alloc == RKV_ALLOC_ADA_SAFE) return safe_then_best(plan, heads, places);
  return std::vector<int>(heads.size(), places);
}

}  // namespace rkv
