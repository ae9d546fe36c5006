// Which slots a block of 64 prompt tokens sees under a pattern of sparse prefill (MInference, arXiv:2407.02490).
#pragma once

#include <cstdint>
#include <vector>

#include "rocketkv.h"

namespace rkv {

constexpr int kPatternBlock = 64;  // rows that see the same slots, and keys that are chosen together

/// Indices of the `k` highest of score[n], ascending; of equals the lower one.
std::vector<int32_t> top_indices(const float* score, int n, int k);

/// Whether a pattern leaves something out of a prompt that ends at slot `n`.
bool hides_slots(const rkv_pattern& pattern, int n);

/// Columns and diagonals of one query head.
struct VerticalSlash {
  VerticalSlash() = default;
  /// Choose from softmax weights of the last queries: `columns` [n] by slot and `diagonals` [n] by distance. The first
  /// 30 columns and the distances below 100 come before all others.
  VerticalSlash(const rkv_pattern& pattern, std::vector<float> columns, std::vector<float> diagonals);

  std::vector<int32_t> columns;    // ascending slots
  std::vector<int32_t> distances;  // ascending
};

// Ascending slots below `end` for the rows of slots [begin, begin + 64); begin is a multiple of 64. What a row may not
// see yet is left to the caller.

/// The first ones, and the most recent ones of the block's first row and all that follow.
std::vector<int32_t> a_shape_slots(const rkv_pattern& pattern, int begin, int end);
/// Every distance as 64 keys that end that far before the block does, and the columns.
std::vector<int32_t> vertical_slash_slots(const VerticalSlash& choice, int begin, int end);
/// The best blocks of keys and the block itself. score [begin / 64 + 1].
std::vector<int32_t> block_slots(const rkv_pattern& pattern, const float* score, int begin, int end);

}  // namespace rkv
