#include "core/pattern_slots.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace rkv {
namespace {

// As published: the least that a pattern keeps, and what it keeps in any case.
constexpr int kLeastColumns = 30, kLeastDistances = 50, kForcedColumns = 30, kForcedDistances = 100;
constexpr float kForced = std::numeric_limits<float>::infinity();

int n_columns(const rkv_pattern& pattern, int n) { return std::min(n, std::max(pattern.first, kLeastColumns)); }
int n_distances(const rkv_pattern& pattern, int n) { return std::min(n, std::max(pattern.second, kLeastDistances)); }

void add_range(std::vector<int32_t>& slots, int from, int to) {
  for (int slot = from; slot < to; slot++) slots.push_back(slot);
}

std::vector<int32_t> top_with_forced(std::vector<float> score, int forced, int k) {
  std::fill_n(score.begin(), std::min<size_t>(static_cast<size_t>(forced), score.size()), kForced);
  return top_indices(score.data(), static_cast<int>(score.size()), k);
}

}  // namespace

std::vector<int32_t> top_indices(const float* score, int n, int k) {
  std::vector<int32_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  k = std::min(k, n);
  std::nth_element(order.begin(), order.begin() + k, order.end(),
                   [&](int32_t a, int32_t b) { return score[a] != score[b] ? score[a] > score[b] : a < b; });
  order.resize(static_cast<size_t>(k));
  std::sort(order.begin(), order.end());
  return order;
}

bool hides_slots(const rkv_pattern& pattern, int n) {
  switch (pattern.kind) {
    case RKV_PATTERN_A_SHAPE:
      return pattern.first < n - pattern.second;
    case RKV_PATTERN_VERTICAL_SLASH:
      return n_columns(pattern, n) < n && n_distances(pattern, n) < n;
    case RKV_PATTERN_BLOCK:
      return pattern.first < (n + kPatternBlock - 1) / kPatternBlock;
    default:
      return false;
  }
}

VerticalSlash::VerticalSlash(const rkv_pattern& pattern, std::vector<float> column_weights,
                             std::vector<float> diagonal_weights) {
  const int n = static_cast<int>(column_weights.size());
  columns = top_with_forced(std::move(column_weights), kForcedColumns, n_columns(pattern, n));
  distances = top_with_forced(std::move(diagonal_weights), kForcedDistances, n_distances(pattern, n));
}

std::vector<int32_t> a_shape_slots(const rkv_pattern& pattern, int begin, int end) {
  std::vector<int32_t> slots;
  const int first = std::min(pattern.first, end);
  add_range(slots, 0, first);
  add_range(slots, std::max(first, begin + 1 - pattern.second), end);
  return slots;
}

std::vector<int32_t> vertical_slash_slots(const VerticalSlash& choice, int begin, int end) {
  std::vector<int32_t> slots;
  auto column = choice.columns.begin();
  int done = 0;  // slots below it are decided
  for (auto distance = choice.distances.rbegin(); distance != choice.distances.rend(); ++distance) {
    const int from = std::max(begin - *distance, done), to = std::min(begin + kPatternBlock - *distance, end);
    if (to <= from) continue;
    for (; column != choice.columns.end() && *column < from; ++column) {
      if (*column >= done) slots.push_back(*column);
    }
    add_range(slots, from, to);
    done = to;
  }
  return slots;
}

std::vector<int32_t> block_slots(const rkv_pattern& pattern, const float* score, int begin, int end) {
  const int own = begin / kPatternBlock;
  std::vector<float> forced(score, score + own + 1);
  forced.back() = kForced;
  std::vector<int32_t> slots;
  for (const int32_t block : top_indices(forced.data(), own + 1, pattern.first)) {
    add_range(slots, block * kPatternBlock, std::min((block + 1) * kPatternBlock, end));
  }
  return slots;
}

}  // namespace rkv
