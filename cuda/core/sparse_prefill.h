// Prefill attention of one layer in which every query head sees a pattern of slots (MInference, arXiv:2407.02490).
#pragma once

#include <vector>

#include "core/pattern_slots.h"
#include "core/session.h"

namespace rkv {

/// Use: keep_queries() for all rows, choose(), attend() chunk by chunk. All rows must be in the cache by then, because
/// the last ones decide what the others see.
class SparsePrefill {
 public:
  /// Whether a layer's patterns leave something out when n tokens are about to come. Dense is as good for one token,
  /// for prompts that a pattern covers, and where eviction left the KV heads with different numbers of tokens.
  static bool applies(const Session& session, int layer, int n);

  /// Before any of the n rows is in the cache.
  SparsePrefill(const Session& session, int layer, int n);
  ~SparsePrefill();
  SparsePrefill(const SparsePrefill&) = delete;
  SparsePrefill& operator=(const SparsePrefill&) = delete;

  /// Remember queries q[n, n_heads, d] (device, after RoPE) of rows from `from` on.
  void keep_queries(const float* q, int from, int n);
  /// Decide on columns and diagonals.
  void choose();
  /// out[n, n_heads, d] of rows [from, from + n).
  void attend(int from, int n, float* out);

 private:
  const rkv_pattern& pattern(int head) const {
    return patterns_[patterns_.size() == 1 ? 0 : static_cast<size_t>(head)];
  }
  size_t row_floats() const { return static_cast<size_t>(model_.config.n_heads) * model_.config.head_dim; }
  float* row(int i) const { return q_.as<float>() + row_floats() * static_cast<size_t>(padding_ + i); }
  struct BlockScores {
    int begin = 0, row_blocks = 0, key_blocks = 0;
    std::vector<float> score;  // [n_heads, row blocks, key blocks]; empty when no head goes by blocks
    const float* row(int head, int block) const {
      return &score[(static_cast<size_t>(head) * row_blocks + (block - begin) / kPatternBlock) * key_blocks];
    }
  };
  /// Scores for the blocks that slots [begin, end) fall into; begin is a multiple of 64.
  BlockScores score_blocks(int begin, int end) const;
  /// What a head that is not dense sees of the slots below `end` from block `block` on.
  std::vector<int32_t> seen_slots(int head, int block, int end, const BlockScores& scores) const;

  const Session& s_;
  Model& model_;
  const LayerCache& cache_;
  const std::vector<rkv_pattern>& patterns_;
  const int n_, before_;                // rows, and slots before them
  const int padding_;                   // rows of zeros before them, down to a multiple of 64 slots
  Buffer q_;                            // f32 [padding + n, n_heads, d]
  Buffer all_;                          // i32 [before + n]: every slot, for dense heads
  std::vector<VerticalSlash> choices_;  // [n_heads]: of heads that go by columns and diagonals
};

}  // namespace rkv
