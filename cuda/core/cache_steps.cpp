// Dropping tokens from a layer's cache at every step, and what that leaves to tidy up.
#include <algorithm>
#include <numeric>

#include "core/failure.h"
#include "core/layer_cache.h"
#include "core/plan.h"

namespace rkv {

void LayerCache::prepare_steps(Model& model, const CacheShape& shape, const rkv_plan& plan) {
  for (Head& head : heads_) head.in_place = false;
  if (plan.step_keep == 0) return;
  if (index_ != nullptr) fail(RKV_E_ARG, "plan: step_keep cannot be combined with keep_history or agree HEAD");
  if (plan.step_evict == RKV_STEP_OLDEST) return;
  step_keep_ = plan.step_keep;
  for (int h = 0; h < n_heads(); h++) heads_[h].in_place = !is_dense_head(plan, h);
  if (plan.step_evict == RKV_STEP_ATTENTION) track_attention(model, shape);
  if (plan.agree == RKV_AGREE_LAYER) join_heads(model.ops());
}

/// With AGREE_LAYER only the sum over heads counts: the first head that takes part holds it, the others hold nothing.
void LayerCache::join_heads(Ops& ops) {
  if (attention_ != nullptr) reserve_sums(ops, 0);  // not those of another cache
  int first = -1;
  for (int h = 0; h < n_heads(); h++) {
    if (!heads_[h].in_place) continue;
    if (first < 0) first = h;
    if (slots(h) != slots(first)) {
      fail(RKV_E_ARG, "plan: agree LAYER needs KV heads that hold the same tokens: found %d and %d", slots(first),
           slots(h));
    }
    if (h == first || attention_ == nullptr) continue;
    ops.add(attention(first), attention(h), slots(h));
    clear(ops, attention(h), sizeof(float) * slots(h));
  }
}

void LayerCache::drop_oldest(const rkv_plan& plan) {
  for (int h = 0; h < n_heads(); h++) {
    Head& head = heads_[h];
    int surplus = head.slots - plan.step_keep;
    if (surplus <= 0 || is_dense_head(plan, h)) continue;
    std::vector<Segment> rest;
    int seen = 0;
    for (const Segment& s : head.segments) {
      const int n = s.end - s.begin;
      const int pinned = std::clamp(plan.sinks - seen, 0, n);
      const int dropped = std::min(surplus, n - pinned);
      if (pinned > 0 && dropped > 0) {
        rest.push_back({s.block, s.begin, s.begin + pinned});
        if (n > pinned + dropped) rest.push_back({s.block, s.begin + pinned + dropped, s.end});
      } else if (n > dropped) {
        rest.push_back({s.block, s.begin + dropped, s.end});
      }
      seen += n, surplus -= dropped;
    }
    head.segments = std::move(rest);
    head.slots = plan.step_keep;
    refresh_runs(h);
    forget_attention();  // sums do not follow slots that move
  }
  drop_unused_blocks();
}

StepHead LayerCache::step_head(int h) const {
  const Segment& all = heads_[h].segments.front();
  StepHead view = {};
  view.k = all.block->k(h, all.begin), view.v = all.block->v(h, all.begin);
  view.position = all.block->position(h, all.begin);
  view.n = heads_[h].slots;
  return view;
}

void LayerCache::drop_last(int h) {
  Segment& all = heads_[h].segments.front();
  all.block->filled[h] = --all.end;
  heads_[h].slots--;
  refresh_runs(h);
}

void LayerCache::begin_turn(Model& model, const CacheShape& shape) {
  clear_selection();
  for (int h = 0; h < n_heads(); h++) {
    if (heads_[h].in_place && heads_[h].segments.size() == 1) sort_slots(model, shape, h);
    heads_[h].in_place = false;
  }
  drop_unused_blocks();
}

void LayerCache::sort_slots(Model& model, const CacheShape& shape, int h) {
  Ops& ops = model.ops();
  Head& head = heads_[h];
  const std::vector<int32_t> position = positions(ops, h);
  std::vector<int32_t> slots(position.size());
  if (std::is_sorted(position.begin(), position.end())) return;
  std::iota(slots.begin(), slots.end(), 0);
  std::sort(slots.begin(), slots.end(), [&](int32_t a, int32_t b) { return position[a] < position[b]; });
  std::vector<int> capacity(heads_.size(), 0);
  capacity[h] = head.slots;
  KvBlock* block = add_block(std::make_shared<KvBlock>(model, shape, capacity));
  const Buffer order = upload_copy(ops, slots);
  ops.gather(this->head(h, false), order.as<int32_t>(), head.slots, shape.head_dim, shape.kv, block->k(h, 0),
             block->v(h, 0), block->position(h, 0));
  if (attention_ != nullptr) {
    reserve_sums(ops, 0);  // not those of another cache
    attention_->take(ops, h, *attention_, slots);
  }
  block->filled[h] = head.slots;
  head.segments.assign(1, {block, 0, head.slots});
  refresh_runs(h);
}

}  // namespace rkv
