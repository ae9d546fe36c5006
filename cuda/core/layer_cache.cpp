#include "core/layer_cache.h"

#include <algorithm>

namespace rkv {

int LayerCache::max_candidates() const {
  const std::vector<int> counts = candidate_counts(0);
  return counts.empty() ? 0 : *std::max_element(counts.begin(), counts.end());
}

std::vector<int> LayerCache::candidate_counts(int extra) const {
  std::vector<int> counts;
  for (int h = 0; h < n_heads(); h++) {
    for (int list = 0; list < n_lists(); list++) counts.push_back(candidates(h, list) + extra);
  }
  return counts;
}

HeadCache LayerCache::head(int h, bool indexed, int list) const {
  if (heads_.empty()) return {nullptr, 0, 0, nullptr, 0};
  const Head& head = heads_[h];
  HeadCache view{head.runs.data(), static_cast<int32_t>(head.runs.size()), head.slots, nullptr, 0};
  if (indexed && index_ != nullptr) view.index = index_->slots(h, list), view.n_index = index_->count(h, list);
  return view;
}

Bounds LayerCache::bounds(int h, int list) const {
  if (bounds_ == nullptr) return {nullptr, 0, 1};
  return bounds_->list(static_cast<size_t>(h) * n_lists() + list);
}

std::vector<int32_t> LayerCache::positions(Ops& ops, int h) const {
  std::vector<int32_t> all(static_cast<size_t>(slots(h)));
  int32_t* next = all.data();
  const HeadCache view = head(h, false);
  for (const Run& run : std::span(view.runs, static_cast<size_t>(view.n_runs))) {
    ops.download(next, run.position, sizeof(int32_t) * run.n);
    next += run.n;
  }
  return all;
}

float* LayerCache::value_sum(int h) const {
  if (value_sum_ == nullptr) return nullptr;
  return value_sum_->as<float>() + value_sum_->bytes() / sizeof(float) / heads_.size() * h;
}

int LayerCache::first_at(Ops& ops, int h, int list, int position) const {
  const HeadCache view = head(h, true, list);
  const auto position_of = [&](int candidate) {
    int32_t slot = candidate, out;
    if (view.index != nullptr) ops.download(&slot, view.index + candidate, sizeof slot);
    const Run* run = view.runs;
    for (; slot >= run->n; run++) slot -= run->n;
    ops.download(&out, run->position + slot, sizeof out);
    return out;
  };
  int low = 0, high = view.candidates();
  while (low < high) {
    const int middle = low + (high - low) / 2;
    if (position_of(middle) < position)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

KvBlock* LayerCache::add_block(std::shared_ptr<KvBlock> block) {
  blocks_.push_back(std::move(block));
  return blocks_.back().get();
}

void LayerCache::drop_unused_blocks() {
  std::erase_if(blocks_, [&](const std::shared_ptr<KvBlock>& block) {
    return std::none_of(heads_.begin(), heads_.end(), [&](const Head& head) {
      return std::any_of(head.segments.begin(), head.segments.end(),
                         [&](const Segment& s) { return s.block == block.get(); });
    });
  });
}

void LayerCache::refresh_runs(int h) {
  Head& head = heads_[h];
  head.runs.clear();
  for (const Segment& s : head.segments) head.runs.push_back(s.block->run(h, s.begin, s.end));
}

int64_t LayerCache::kv_bytes() const {
  int64_t sum = 0;
  for (const Head& head : heads_) {
    for (const Segment& s : head.segments) sum += s.block->kv_bytes(s.end - s.begin);
  }
  return sum;
}

int64_t LayerCache::own_kv_bytes() const {
  int64_t sum = 0;
  for (const auto& block : blocks_) sum += block.use_count() == 1 ? block->kv_bytes() : 0;
  return sum;
}

int64_t LayerCache::aux_bytes() const {
  int64_t sum = 0;
  if (index_ != nullptr) sum += index_->bytes();
  if (bounds_ != nullptr) sum += bounds_->bytes();
  if (value_sum_ != nullptr) sum += static_cast<int64_t>(value_sum_->bytes());
  return sum;
}

int64_t LayerCache::attention_bytes() const { return attention_ != nullptr ? attention_->bytes() : 0; }

}  // namespace rkv
