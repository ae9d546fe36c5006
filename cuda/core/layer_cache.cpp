#include "core/layer_cache.h"

#include <algorithm>

#include "core/plan.h"

namespace rkv {
namespace {

constexpr int kFirstTail = 64;  // slots of the first block behind a prompt; later ones double
constexpr int kLargestTail = 1024;

}  // namespace

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

bool LayerCache::owned(const KvBlock* block) const {
  for (const auto& b : blocks_) {
    if (b.get() == block) return b.use_count() == 1;
  }
  return false;
}

int LayerCache::room_behind(int h, const Segment& segment) const {
  if (segment.end != segment.block->filled[h] || !owned(segment.block)) return 0;
  return segment.block->capacity(h) - segment.end;
}

int LayerCache::open_room(int h) const {
  const auto& segments = heads_[h].segments;
  return segments.empty() || segments.back().block->coded() ? 0 : room_behind(h, segments.back());
}

/// Slots of a new block for a head that has no room for n more, 0 if it has.
int LayerCache::wanted_capacity(int h, int n, int ahead) const {
  const Head& head = heads_[h];
  const bool scattered = head.in_place && head.segments.size() > 1;
  if (open_room(h) >= n && !scattered) return 0;
  if (head.in_place) return std::max(head.slots + n, std::clamp(2 * head.slots, kFirstTail, step_keep_ + 1));
  if (n + ahead > 1) return n + ahead;  // a prompt's block fits exactly, decode steps grow
  if (head.segments.empty() || head.segments.front().block->coded()) return kFirstTail;
  return std::clamp(2 * head.segments.back().block->capacity(h), kFirstTail, kLargestTail);
}

void LayerCache::reserve(Model& model, const CacheShape& shape, int n, int ahead) {
  if (heads_.empty()) heads_.resize(static_cast<size_t>(shape.n_kv_heads));
  std::vector<int> capacity;
  for (int h = 0; h < n_heads(); h++) capacity.push_back(wanted_capacity(h, n, ahead));
  if (std::any_of(capacity.begin(), capacity.end(), [](int c) { return c > 0; })) {
    KvBlock* block = add_block(std::make_shared<KvBlock>(model, shape, capacity));
    for (int h = 0; h < n_heads(); h++) {
      Head& head = heads_[h];
      if (capacity[h] == 0) continue;
      if (head.in_place) {
        copy_rows(model.ops(), h, 0, head.slots, block);
        head.segments.clear();
      }
      head.segments.push_back({block, 0, block->filled[h]});
      refresh_runs(h);
    }
    drop_unused_blocks();
  }
  Ops& ops = model.ops();
  if (index_ != nullptr && (index_.use_count() > 1 || !index_->has_room(n))) index_ = index_->grown(ops, n);
  if (bounds_ != nullptr) reserve_pages(ops, shape, n);
  reserve_sums(ops, n + ahead);
}

void LayerCache::reserve_sums(Ops& ops, int n) {
  if (value_sum_ != nullptr && value_sum_.use_count() > 1) {
    auto own = std::make_shared<Buffer>(ops, value_sum_->bytes());
    ops.copy(own->as(), value_sum_->as(), own->bytes());
    value_sum_ = std::move(own);
  }
  if (attention_ == nullptr) return;
  bool roomy = attention_.use_count() == 1;
  std::vector<int> counts, capacity;
  for (int h = 0; h < n_heads(); h++) {
    const int wanted = slots(h) + n, now = attention_->capacity(h);
    roomy = roomy && wanted <= now;
    counts.push_back(slots(h));
    capacity.push_back(wanted <= now ? now : std::max(wanted, std::clamp(2 * now, kFirstTail, now + kLargestTail)));
  }
  if (roomy) return;
  auto own = std::make_shared<SlotSums>(ops, std::move(capacity));
  own->copy_from(ops, *attention_, counts);
  attention_ = std::move(own);
}

void LayerCache::append(Model& model, const CacheShape& shape, const float* k, const float* v, int first_position,
                        int n, std::vector<Append>* out) {
  reserve(model, shape, n, 0);
  for (int h = 0; h < n_heads(); h++) {
    Head& head = heads_[h];
    Segment& last = head.segments.back();
    Append rows = {};
    rows.k = k + static_cast<size_t>(h) * shape.head_dim, rows.v = v + static_cast<size_t>(h) * shape.head_dim;
    rows.n = n, rows.kv = shape.kv;
    rows.k_out = last.block->k(h, last.end), rows.v_out = last.block->v(h, last.end);
    rows.position_out = last.block->position(h, last.end);
    rows.first_position = first_position;
    rows.value_sum = value_sum(h);
    if (index_ != nullptr) index_->append(h, head.slots, &rows);
    out->push_back(rows);
    last.end += n;
    last.block->filled[h] = last.end;
    head.slots += n;
    refresh_runs(h);
  }
}

void LayerCache::reserve_pages(Ops& ops, const CacheShape& shape, int n) {
  std::vector<int> counts = candidate_counts(n);
  if (bounds_.use_count() == 1 && bounds_->has_room(counts)) return;
  for (size_t i = 0; i < counts.size(); i++) {
    if (!bounds_->has(i)) counts[i] = -1;
  }
  bounds_ = std::make_shared<PageBounds>(ops, shape, bounds_->page_size(), counts);
}

void LayerCache::build_pages(Model& model, const CacheShape& shape, const rkv_plan& plan) {
  std::vector<int> counts = candidate_counts(0);
  for (size_t i = 0; i < counts.size(); i++) {
    if (is_dense_head(plan, static_cast<int>(i) / n_lists())) counts[i] = -1;
  }
  bounds_ = std::make_shared<PageBounds>(model.ops(), shape, plan.page_size, counts);
  std::vector<PageWork> work;
  collect_pages(shape, 0, &work);
  model.ops().build_bounds(work, shape.head_dim);
}

void LayerCache::collect_pages(const CacheShape& shape, int n, std::vector<PageWork>* work) const {
  if (bounds_ == nullptr) return;
  for (int h = 0; h < n_heads(); h++) {
    for (int list = 0; list < n_lists(); list++) {
      if (!bounds_->has(static_cast<size_t>(h) * n_lists() + list)) continue;
      const int from = bounds_->stale ? 0 : std::max(candidates(h, list) - n, 0);
      work->push_back({head(h, true, list), bounds(h, list), shape.kv, from});
    }
  }
  bounds_->stale = false;
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
  if (attention_ != nullptr) sum += attention_->bytes();
  if (value_sum_ != nullptr) sum += static_cast<int64_t>(value_sum_->bytes());
  return sum;
}

}  // namespace rkv
