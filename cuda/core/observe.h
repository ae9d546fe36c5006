// What a prefill keeps of a layer besides K and V, for scores that need more than the last queries.
#pragma once

#include <span>

#include "core/session.h"

namespace rkv {

class Observer {
 public:
  /// What the session's options ask for, and what the plans (one for all layers, one each, or none) need.
  Observer(Session& session, std::span<const rkv_plan> plans) : s_(session), plans_(plans) {}

  /// Before a layer takes in its tokens.
  /// @throws Failure RKV_E_STATE when attention is needed and earlier turns did not sum it up.
  void begin_layer(int layer);
  /// Queries q[n, n_heads, head_dim] (device) of tokens from `position` on, before RoPE.
  void see_queries(int layer, const float* q, int position, int n);
  /// The same after RoPE, their K and V being the last n slots of the cache.
  void see_attention(int layer, const float* q, int n);

  /// Queries in the layers' moments once `n` tokens from `position` on have been seen.
  int n_moments(int position, int n) const;

 private:
  bool attention(int layer) const;
  bool queries() const;  // of all layers: they are counted once

  Session& s_;
  std::span<const rkv_plan> plans_;
};

}  // namespace rkv
