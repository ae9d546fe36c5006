// Eviction by score behind the attention of a decode step: H2O (arXiv:2306.14048) and TOVA (arXiv:2401.06104).
#pragma once

#include "core/session.h"

namespace rkv {

class StepEviction {
 public:
  /// Takes the memory of a step, before the new tokens are in the caches.
  StepEviction(std::span<Session* const> sessions, std::span<const int32_t> positions);

  /// Whether some session drops by score in some layer; otherwise there is nothing to run.
  bool needed() const { return needed_; }

  /// Score every token by the attention of the step's queries q [sessions, n_heads, head_dim], and drop one of every
  /// head that holds more than step_keep. @return Bytes read to score, by session.
  std::vector<int64_t> run(int layer, const float* q);

 private:
  struct Scored;  // one KV head

  std::vector<Scored> scored_heads(int layer) const;
  void vote(std::span<const Scored> heads, int layer, const float* q);
  void evict(std::span<const Scored> heads, int layer);

  std::span<Session* const> sessions_;
  std::span<const int32_t> positions_;
  Model& model_;
  bool needed_ = false;
  Buffer score_;
};

}  // namespace rkv
