#include "cpu/keep_best.h"

#include <algorithm>
#include <vector>

namespace rkv::cpu {

namespace {

struct Entry {
  double pooled;
  float score;
  int32_t index;

  bool before(const Entry& other, bool by_position) const {
    if (pooled != other.pooled) return pooled > other.pooled;
    if (score != other.score && !by_position) return score > other.score;
    return index < other.index;
  }
};

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

void keep_best_of(const KeepHead& head) {
  std::vector<Entry> entries(head.n);
  for (int i = 0; i < head.n; i++) entries[i] = {head.score[i], head.score[i], i};
  const int half = (head.pool_width - 1) / 2;
  if (half > 0) {
    if (head.pool == RKV_POOL_MAX)
      pool_max(head.score, head.n, half, entries);
    else
      pool_avg(head.score, head.n, half, entries);
  }
  const int sinks = std::min({head.sinks, head.keep, head.n});
  std::nth_element(entries.begin() + sinks, entries.begin() + head.keep, entries.end(),
                   [&](const Entry& a, const Entry& b) { return a.before(b, head.tie_by_position); });
  for (int i = 0; i < head.keep; i++) head.kept[i] = entries[i].index;
  std::sort(head.kept, head.kept + head.keep);
}

}  // namespace

void keep_best(ThreadPool& pool, std::span<const KeepHead> heads) {
  pool.run(static_cast<int>(heads.size()), [&](int task, int) { keep_best_of(heads[task]); });
}

}  // namespace rkv::cpu
