// What a decode step asks of selection and attention, head by head.
#pragma once

#include "core/forward.h"
#include "core/session.h"

namespace rkv {

/// Where a DecodeHead comes from.
struct HeadOwner {
  int session, kv_head;
  int list;  // candidate list of the KV head; with several of them every query head is a DecodeHead of its own
};

/// Heads of one op call: one KV dtype, and `group` query heads each.
struct HeadBatch {
  DType kv;
  int group;
  std::vector<DecodeHead> heads;
  std::vector<HeadOwner> owners;
};

/// Queries of a layer [sessions, n_heads, head_dim].
struct StepQueries {
  const float* q;        // after RoPE
  const float* q_sinks;  // for sinks, or NULL where nobody shifts positions
};

class DecodeHeads {
 public:
  /// Takes the memory of the lists that selection writes. `positions`: of the tokens that are fed, [sessions].
  DecodeHeads(std::span<Session* const> sessions, std::span<const int32_t> positions);

  /// Heads of all sessions in one layer. `out` [sessions, n_heads, head_dim]; the result is good until the next call.
  std::span<HeadBatch> gather(int layer, const StepQueries& queries, float* out);

 private:
  HeadBatch& batch(DType kv, int group);
  DecodeHead make_head(const HeadOwner& owner, int layer, const StepQueries& queries, float* out, int group);
  int first_visible(const LayerCache& cache, const HeadOwner& owner) const;

  std::span<Session* const> sessions_;
  std::span<const int32_t> positions_;
  Model& model_;
  Buffer selected_, n_selected_;
  Buffer mass_;  // f32 [sessions, n_heads]
  int32_t *next_list_ = nullptr, *next_count_ = nullptr;
  std::vector<HeadBatch> batches_;
};

/// How many tokens a head attends to when its positions are shifted, the current one at `position` included and
/// already in the cache; 0 when the plan does not shift, or nothing was dropped.
int shifted_length(const LayerCache& cache, const rkv_plan& plan, int kv_head, int position);

}  // namespace rkv
