// StreamingLLM's positions (arXiv:2309.17453): they count through the cache, not through the text.
//
// Keys are cached after RoPE at their true positions. Recent tokens keep their distances to the query, so that only
// the sinks are met from another place: by a second copy of the query, rotated as if nothing were missing.
#pragma once

#include "core/session.h"

namespace rkv {

class ShiftedQueries {
 public:
  /// Takes the memory of a step and writes its rotations. The new tokens, at `positions` [sessions], are not in the
  /// caches yet.
  ShiftedQueries(std::span<Session* const> sessions, std::span<const int32_t> positions);

  /// Rotate a copy of q [sessions, n_heads, head_dim], before RoPE. @return The copy, NULL when no session shifts.
  const float* rotate(int layer, const float* q);

 private:
  std::vector<int32_t> shifted_positions(int layer, std::span<const int32_t> positions) const;

  struct Table {
    std::vector<int32_t> positions;  // [sessions, n_kv_heads]
    Buffer rotations;
  };

  std::span<Session* const> sessions_;
  Model& model_;
  std::vector<Table> tables_;
  std::vector<int> table_of_layer_;  // [n_layers], -1: no session shifts
  Buffer q_;
};

}  // namespace rkv
