// Dropping tokens from a layer's cache: once for all after a prefill, or one at every step.
#include <algorithm>
#include <numeric>

#include "core/failure.h"
#include "core/layer_cache.h"
#include "core/plan.h"

namespace rkv {
namespace {

Buffer upload_slots(Ops& ops, const std::vector<int32_t>& slots) {
  Buffer device(ops, sizeof(int32_t) * slots.size());
  ops.upload(device.as(), slots.data(), device.bytes());
  return device;
}

/// The first `slots.size()` sums of `to` become those of `from` at `slots`.
void gather_sums(Ops& ops, const float* from, int n, const std::vector<int32_t>& slots, float* to) {
  std::vector<float> sums(static_cast<size_t>(n)), kept;
  ops.download(sums.data(), from, sizeof(float) * sums.size());
  for (const int32_t slot : slots) kept.push_back(sums[slot]);
  ops.upload(to, kept.data(), sizeof(float) * kept.size());
}

}  // namespace

void LayerCache::keep(Model& model, const CacheShape& shape, std::span<const int32_t* const> slots,
                      std::span<const int32_t> counts) {
  Ops& ops = model.ops();
  const std::vector<int> sizes(counts.begin(), counts.end());
  auto block = std::make_shared<KvBlock>(model, shape, sizes);
  auto sums = attention_ != nullptr ? std::make_shared<SlotSums>(ops, sizes) : nullptr;
  for (int h = 0; h < n_heads(); h++) {
    const int n = counts[h];
    std::vector<int32_t> list(static_cast<size_t>(n));
    Buffer all;
    if (slots[h] == nullptr) {
      std::iota(list.begin(), list.end(), 0);
      all = upload_slots(ops, list);
    } else if (sums != nullptr) {
      ops.download(list.data(), slots[h], sizeof(int32_t) * list.size());
    }
    ops.gather(head(h, false), slots[h] != nullptr ? slots[h] : all.as<int32_t>(), n, shape.head_dim, shape.kv,
               block->k(h, 0), block->v(h, 0), block->position(h, 0));
    if (sums != nullptr) gather_sums(ops, attention(h), heads_[h].slots, list, sums->head(h));
    block->filled[h] = n;
  }
  clear_selection();
  blocks_.clear();
  KvBlock* kept = add_block(std::move(block));
  for (int h = 0; h < n_heads(); h++) {
    heads_[h].segments.assign(1, {kept, 0, counts[h]});
    heads_[h].slots = counts[h];
    refresh_runs(h);
  }
  attention_ = std::move(sums);
}

void LayerCache::set_index(Model& model, const CacheShape&, int n_lists, std::span<const int32_t* const> slots,
                           std::span<const int32_t> counts) {
  clear_selection();
  index_ = std::make_shared<IndexLists>(model.ops(), n_lists, slots, counts);
}

void LayerCache::track_attention(Model& model, const CacheShape& shape) {
  if (heads_.empty()) heads_.resize(static_cast<size_t>(shape.n_kv_heads));
  if (attention_ != nullptr) return;
  std::vector<int> capacity;
  for (int h = 0; h < n_heads(); h++) capacity.push_back(slots(h));
  attention_ = std::make_shared<SlotSums>(model.ops(), std::move(capacity));
}

void LayerCache::build_value_sum(Model& model, const CacheShape& shape) {
  if (n_lists() > 1) fail(RKV_E_ARG, "plan: mean_value cannot be combined with agree HEAD");
  value_sum_ = std::make_shared<Buffer>(model.ops(), sizeof(float) * shape.n_kv_heads * shape.head_dim);
  for (int h = 0; h < n_heads(); h++) {
    model.ops().sum_values(head(h, true), shape.head_dim, shape.kv, value_sum(h));
  }
}

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
    const std::vector<float> zeros(static_cast<size_t>(slots(h)), 0.0f);
    ops.upload(attention(h), zeros.data(), sizeof(float) * zeros.size());
  }
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
  const Buffer order = upload_slots(ops, slots);
  ops.gather(this->head(h, false), order.as<int32_t>(), head.slots, shape.head_dim, shape.kv, block->k(h, 0),
             block->v(h, 0), block->position(h, 0));
  if (attention_ != nullptr) {
    reserve_sums(ops, 0);  // not those of another cache
    gather_sums(ops, attention(h), head.slots, slots, attention(h));
  }
  block->filled[h] = head.slots;
  head.segments.assign(1, {block, 0, head.slots});
  refresh_runs(h);
}

void LayerCache::copy_rows(Ops& ops, int h, int from, int n, KvBlock* to) const {
  int begin = 0;  // first slot of the run
  for (const Run& run : heads_[h].runs) {
    const int first = std::clamp(from - begin, 0, run.n), end = std::clamp(from + n - begin, 0, run.n);
    begin += run.n;
    if (first >= end) continue;
    const int at = to->filled[h];
    const size_t bytes = static_cast<size_t>(end - first) * to->row_bytes(), skip = first * to->row_bytes();
    ops.copy(to->k(h, at), static_cast<const uint8_t*>(run.k) + skip, bytes);
    ops.copy(to->v(h, at), static_cast<const uint8_t*>(run.v) + skip, bytes);
    ops.copy(to->position(h, at), run.position + first, sizeof(int32_t) * (end - first));
    to->filled[h] += end - first;
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

}  // namespace rkv
