#include "core/decode_heads.h"

#include <algorithm>

#include "core/plan.h"

namespace rkv {
namespace {

/// Lists that selection writes for one session in one layer.
int selected_lists(const Session& session, int layer) {
  const rkv_plan& plan = session.plan(layer);
  if (plan.select == RKV_SELECT_ALL) return 0;
  const bool per_head =
      plan.rank == RKV_RANK_PER_HEAD || session.layers[static_cast<size_t>(layer)].cache.n_lists() > 1;
  return per_head ? session.model.config.n_heads : session.model.config.n_kv_heads;
}

/// Room in each of them. A head that selects has more than top_k candidates: then this is top_k.
int list_capacity(const Session& session, const rkv_plan& plan) { return std::min(plan.top_k, session.n_tokens() + 1); }

}  // namespace

DecodeHeads::DecodeHeads(std::span<Session* const> sessions, std::span<const int32_t> positions)
    : sessions_(sessions), positions_(positions), model_(sessions[0]->model) {
  size_t lists = 0, elements = 0;
  for (const Session* s : sessions) {
    size_t session_lists = 0, session_elements = 0;  // of the layer that needs most: layers take turns
    for (int l = 0; l < model_.config.n_layers; l++) {
      const auto n = static_cast<size_t>(selected_lists(*s, l));
      session_lists = std::max(session_lists, n);
      if (n > 0) session_elements = std::max(session_elements, n * list_capacity(*s, s->plan(l)));
    }
    lists += session_lists, elements += session_elements;
  }
  selected_ = Buffer(model_.ops(), sizeof(int32_t) * std::max<size_t>(elements, 1));
  n_selected_ = Buffer(model_.ops(), sizeof(int32_t) * std::max<size_t>(lists, 1));
  mass_ = Buffer(model_.ops(), sizeof(float) * sessions.size() * model_.config.n_heads);
}

std::span<HeadBatch> DecodeHeads::gather(int layer, const StepQueries& queries, float* out) {
  for (HeadBatch& b : batches_) b.heads.clear(), b.owners.clear();
  next_list_ = selected_.as<int32_t>(), next_count_ = n_selected_.as<int32_t>();
  for (int i = 0; i < static_cast<int>(sessions_.size()); i++) {
    const Session& s = *sessions_[i];
    const int n_lists = s.layers[static_cast<size_t>(layer)].cache.n_lists();
    HeadBatch& to = batch(s.shape.kv, n_lists > 1 ? 1 : model_.group());
    for (int h = 0; h < model_.config.n_kv_heads; h++) {
      for (int list = 0; list < n_lists; list++) {
        to.owners.push_back({i, h, list});
        to.heads.push_back(make_head(to.owners.back(), layer, queries, out, to.group));
      }
    }
  }
  std::erase_if(batches_, [](const HeadBatch& b) { return b.heads.empty(); });
  return batches_;
}

HeadBatch& DecodeHeads::batch(DType kv, int group) {
  const auto found =
      std::find_if(batches_.begin(), batches_.end(), [&](HeadBatch& b) { return b.kv == kv && b.group == group; });
  return found != batches_.end() ? *found : batches_.emplace_back(HeadBatch{kv, group, {}, {}});
}

DecodeHead DecodeHeads::make_head(const HeadOwner& owner, int layer, const StepQueries& queries, float* out,
                                  int group) {
  const auto [session, h, list] = owner;
  const Session& s = *sessions_[session];
  const LayerCache& cache = s.layers[static_cast<size_t>(layer)].cache;
  const rkv_plan& plan = s.plan(layer);
  const size_t query_head = static_cast<size_t>(session) * model_.config.n_heads + h * model_.group() + list;
  const size_t at = query_head * model_.config.head_dim;
  DecodeHead head = {};
  head.cache = cache.head(h, true, list);
  head.bounds = cache.bounds(h, list);
  head.q = queries.q + at;
  head.out = out + at;
  head.plan = &plan;
  head.first = first_visible(cache, owner);
  if (queries.q_sinks != nullptr && shifted_length(cache, plan, h, positions_[session]) > 0) {
    head.q_sinks = queries.q_sinks + at;
    head.n_sinks = std::min(plan.sinks, head.cache.candidates());
  }
  if (plan.select == RKV_SELECT_ALL || is_dense_head(plan, h)) return head;
  head.select = head.cache.candidates() - head.first > plan.top_k;
  head.selected = next_list_, head.n_selected = next_count_;
  const int n_lists = plan.rank == RKV_RANK_PER_HEAD ? group : 1;
  next_list_ += static_cast<size_t>(n_lists) * list_capacity(s, plan), next_count_ += n_lists;
  if (head.select && plan.mean_value != 0) {
    head.value_sum = cache.value_sum(h);
    head.mass = mass_.as<float>() + query_head;
  }
  return head;
}

int DecodeHeads::first_visible(const LayerCache& cache, const HeadOwner& owner) const {
  const int window = model_.config.sliding_window, position = positions_[owner.session];
  const int oldest = position - window + 1;
  if (window == 0 || oldest <= 0) return 0;
  if (cache.candidates(owner.kv_head, owner.list) == position + 1) return oldest;  // nothing was evicted
  return cache.first_at(model_.ops(), owner.kv_head, owner.list, oldest);
}

int shifted_length(const LayerCache& cache, const rkv_plan& plan, int kv_head, int position) {
  const int length = cache.candidates(kv_head);
  return plan.shift_positions != 0 && plan.sinks > 0 && length <= position ? length : 0;
}

}  // namespace rkv
