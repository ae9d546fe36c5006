#include "core/observe.h"

#include <algorithm>

#include "core/failure.h"
#include "core/plan.h"

namespace rkv {
namespace {

/// Tokens of n from `position` on whose queries do not count.
int left_out(int position, int n) { return std::clamp(RKV_OBSERVE_FROM - position, 0, n); }

}  // namespace

bool Observer::attention(int layer) const {
  return (s_.options.observe & RKV_OBSERVE_ATTENTION) != 0 ||
         (!plans_.empty() && needs_attention(plan_of_layer(plans_, layer)));
}

bool Observer::queries() const {
  return (s_.options.observe & RKV_OBSERVE_QUERIES) != 0 ||
         std::any_of(plans_.begin(), plans_.end(), needs_query_moments);
}

void Observer::begin_layer(int layer) {
  Model& model = s_.model;
  LayerState& state = s_.layers[static_cast<size_t>(layer)];
  if (!attention(layer)) {
    state.cache.forget_attention();  // sums with a gap are worth nothing
  } else if (state.cache.slots(0) == 0) {
    state.cache.track_attention(model, s_.shape);
  } else if (state.cache.attention(0) == nullptr && !plans_.empty() && needs_attention(plan_of_layer(plans_, layer))) {
    fail(RKV_E_STATE,
         "cannot prefill: score or step_evict ATTENTION needs the attention of earlier turns, too: expected a session "
         "with RKV_OBSERVE_ATTENTION (%d) in observe, found %d",
         RKV_OBSERVE_ATTENTION, s_.options.observe);
  }
  if (!queries()) {
    state.moments = nullptr;
    return;
  }
  const size_t d = static_cast<size_t>(model.config.head_dim);
  auto sums = std::make_shared<const Buffer>(model.ops(), sizeof(double) * model.config.n_heads * (d + d * d));
  if (state.moments != nullptr) {
    model.ops().copy(sums->as(), state.moments->as(), sums->bytes());
  } else {
    clear(model.ops(), sums->as(), sums->bytes());
  }
  state.moments = std::move(sums);
}

void Observer::see_queries(int layer, const float* q, int position, int n) {
  const rkv_model_config& c = s_.model.config;
  const int skip = left_out(position, n);
  if (!queries() || skip == n) return;
  s_.model.ops().observe_queries(q + static_cast<size_t>(skip) * c.n_heads * c.head_dim, n - skip, c.n_heads,
                                 c.head_dim, s_.layers[static_cast<size_t>(layer)].moments->as<double>());
}

void Observer::see_attention(int layer, const float* q, int n) {
  const LayerCache& cache = s_.layers[static_cast<size_t>(layer)].cache;
  if (cache.attention(0) == nullptr) return;  // nobody asked for it, or a step has moved slots without it
  const rkv_model_config& c = s_.model.config;
  const int group = s_.model.group();
  std::vector<VoteHead> heads;
  for (int h = 0; h < c.n_kv_heads; h++) {
    heads.push_back({cache.head(h, false), q + static_cast<size_t>(h) * group * c.head_dim, c.n_heads * c.head_dim, n,
                     c.sliding_window, cache.slots(h), VoteSum::kGroup, true, cache.attention(h), nullptr});
  }
  s_.model.ops().vote(heads, group, c.head_dim, s_.shape.kv);
}

int Observer::n_moments(int position, int n) const { return queries() ? s_.n_moments + n - left_out(position, n) : 0; }

}  // namespace rkv
