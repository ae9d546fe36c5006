#include "core/rank.h"

#include <algorithm>
#include <limits>

namespace rkv {
namespace {

/// The highest of score[i - half .. i + half], for every i, in three comparisons whatever the width.
///
/// The row is cut into blocks of the pool's width, so that a window is the end of one block and the beginning of the
/// next.
void pool_max(const float* score, int n, int half, std::vector<Entry>& entries) {
  half = std::min(half, n - 1);
  const int width = 2 * half + 1;
  std::vector<float> from_left(n), from_right(n);  // highest since the block's begin, and until its end
  for (int i = 0; i < n; i++) from_left[i] = i % width == 0 ? score[i] : std::max(from_left[i - 1], score[i]);
  for (int i = n - 1; i >= 0; i--)
    from_right[i] = i == n - 1 || (i + 1) % width == 0 ? score[i] : std::max(from_right[i + 1], score[i]);
  for (int i = 0; i < n; i++) {
    const int low = std::max(i - half, 0), high = std::min(i + half, n - 1);
    if (low / width != high / width)
      entries[i].pooled = std::max(from_right[low], from_left[high]);
    else
      entries[i].pooled = low % width == 0 ? from_left[high] : from_right[low];  // the latter: cut off by the end
  }
}

void pool_avg(const float* score, int n, int half, std::vector<Entry>& entries) {
  const double width = 2.0 * half + 1;
  for (int i = 0; i < n; i++) {
    double sum = 0;
    for (int j = std::max(i - half, 0); j <= std::min(i + half, n - 1); j++) sum += score[j];
    entries[i].pooled = sum / width;
  }
}

}  // namespace

std::vector<Entry> pool_scores(const float* score, int n, int sinks, int pool, int pool_width) {
  std::vector<Entry> entries(static_cast<size_t>(n));
  for (int i = 0; i < n; i++) entries[i] = {score[i], score[i], i};
  const int half = (pool_width - 1) / 2;
  if (half > 0 && n > 0) {
    if (pool == RKV_POOL_MAX)
      pool_max(score, n, half, entries);
    else
      pool_avg(score, n, half, entries);
  }
  constexpr float kPinned = std::numeric_limits<float>::infinity();
  for (int i = 0; i < std::min(sinks, n); i++) entries[i] = {kPinned, kPinned, i};
  return entries;
}

void best_to_front(std::vector<Entry>& entries, int keep, bool by_position) {
  std::nth_element(entries.begin(), entries.begin() + keep, entries.end(),
                   [&](const Entry& a, const Entry& b) { return a.before(b, by_position); });
}

}  // namespace rkv
