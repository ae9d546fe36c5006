// What the tokens of a layer are worth: the first step of eviction.
#pragma once

#include <span>
#include <vector>

#include "core/session.h"

namespace rkv {

/// What a prefill left behind, besides the cache, that tokens can be scored by.
struct Evidence {
  const float* queries;  // device f32 [n_queries, n_heads, head_dim]: the last ones of the latest prefill, after RoPE
  int n_queries;
  const double* moments;  // device f64 [n_heads, d + d * d], or NULL: sums of q and q q^T before RoPE
  int n_moments;          // queries in the sums
  int n_tokens;           // position of the next token
};

/// Scores of the tokens of some KV heads: one row per KV head, or with AGREE_HEAD one per query head.
class Scores {
 public:
  Scores(Ops& ops, std::vector<int> kv_heads, std::vector<int> n_scored, int n_rows);

  const std::vector<int> kv_heads;
  const std::vector<int> n_scored;  // [kv_heads]: the first slots, the ones that may be dropped
  const int n_rows;                 // of each KV head
  bool shared = false;              // all KV heads go by the first row

  size_t n_heads() const { return kv_heads.size(); }
  /// Device f32 [n_scored[i]]; rows of one head lie one behind the other.
  float* row(size_t i, int r = 0) const { return memory_.as<float>() + (shared ? 0 : first_[i]) + n_scored[i] * r; }

 private:
  std::vector<size_t> first_;
  Buffer memory_;
};

/// Most recent tokens that a plan keeps without a score: never more than there are voters.
int recent_tokens(const rkv_plan& plan, int n_queries);

/// Score all but the most recent tokens of the given KV heads.
/// @throws Failure RKV_E_STATE when the plan needs what was not observed.
Scores score_tokens(const Session& session, int layer, const rkv_plan& plan, const Evidence& evidence,
                    std::vector<int> kv_heads);

}  // namespace rkv
