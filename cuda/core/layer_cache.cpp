#include "core/layer_cache.h"

#include <algorithm>
#include <numeric>

namespace rkv {
namespace {

constexpr int kFirstTail = 64;  // slots of the first block behind a prompt; later ones double
constexpr int kLargestTail = 1024;

}  // namespace

void LayerCache::reserve(Model& model, const CacheShape& shape, int n, int ahead) {
  const Segment* last = segments_.empty() ? nullptr : &segments_.back();
  const bool open = last != nullptr && last->block.use_count() == 1 && last->end == last->block->filled;
  if (!open || last->block->capacity - last->end < n) {
    const int tail = last == nullptr ? kFirstTail : std::clamp(2 * last->block->capacity, kFirstTail, kLargestTail);
    const int capacity = n + ahead > 1 ? n + ahead : tail;  // a prompt's block fits exactly, decode steps grow
    segments_.push_back({std::make_shared<KvBlock>(model, shape, capacity), 0, 0});
  }
  if (index_ != nullptr) reserve_index(model.ops(), shape, n);
  if (bounds_ != nullptr) reserve_pages(model.ops(), shape, bounds_->page_size, n);
}

void LayerCache::append(Model& model, const CacheShape& shape, const float* k, const float* v, int first_position,
                        int n, std::vector<Append>* out) {
  reserve(model, shape, n, 0);
  Segment& last = segments_.back();
  KvBlock& block = *last.block;
  for (int h = 0; h < shape.n_kv_heads; h++) {
    Append rows = {};
    rows.k = k + static_cast<size_t>(h) * shape.head_dim, rows.v = v + static_cast<size_t>(h) * shape.head_dim;
    rows.n = n, rows.kv = shape.kv;
    rows.k_out = block.k(h, last.end), rows.v_out = block.v(h, last.end);
    rows.position_out = block.position(h, last.end);
    rows.first_position = first_position;
    if (index_ != nullptr) {
      rows.index_out = index_->slots.as<int32_t>() + static_cast<size_t>(h) * index_->capacity + index_->count;
      rows.n_lists = 1;
      rows.first_slot = slots_;
    }
    out->push_back(rows);
  }
  if (index_ != nullptr) index_->count += n;
  last.end += n;
  block.filled = last.end;
  slots_ += n;
  refresh_runs();
}

void LayerCache::refresh_runs() {
  runs_.clear();
  n_runs_ = static_cast<int>(segments_.size());
  if (segments_.empty()) return;
  for (int h = 0; h < segments_[0].block->shape.n_kv_heads; h++) {
    for (const Segment& s : segments_) {
      runs_.push_back({s.block->k(h, s.begin), s.block->v(h, s.begin), s.block->position(h, s.begin), s.end - s.begin});
    }
  }
}

HeadCache LayerCache::head(int h, bool indexed) const {
  HeadCache view{runs_.data() + static_cast<size_t>(h) * n_runs_, n_runs_, slots_, nullptr, 0};
  if (indexed && index_ != nullptr) {
    view.index = index_->slots.as<int32_t>() + static_cast<size_t>(h) * index_->capacity;
    view.n_index = index_->count;
  }
  return view;
}

Bounds LayerCache::bounds(int h) const {
  if (bounds_ == nullptr || segments_.empty()) return {nullptr, 0, 1};
  const CacheShape& shape = segments_[0].block->shape;
  const size_t head_bytes = 2 * shape.row_bytes() * bounds_->pitch;
  return {bounds_->data.as<uint8_t>() + h * head_bytes, bounds_->pitch, bounds_->page_size};
}

void LayerCache::keep(Model& model, const CacheShape& shape, const int32_t* slots, int n) {
  auto block = std::make_shared<KvBlock>(model, shape, n);
  for (int h = 0; h < shape.n_kv_heads; h++) {
    model.ops().gather(head(h, false), slots + static_cast<size_t>(h) * n, n, shape.head_dim, shape.kv, block->k(h, 0),
                       block->v(h, 0), block->position(h, 0));
  }
  block->filled = n;
  clear_selection();
  segments_.assign(1, {std::move(block), 0, n});
  slots_ = n;
  refresh_runs();
}

void LayerCache::set_index(Model& model, const CacheShape& shape, const int32_t* slots, int n) {
  clear_selection();
  const int capacity = n + kFirstTail;
  const size_t row = static_cast<size_t>(capacity) * sizeof(int32_t);
  auto index = std::make_shared<Index>(Index{Buffer(model.ops(), row * shape.n_kv_heads), capacity, n});
  for (int h = 0; h < shape.n_kv_heads; h++) {
    model.ops().copy(index->slots.as<uint8_t>() + h * row, slots + static_cast<size_t>(h) * n, n * sizeof(int32_t));
  }
  index_ = std::move(index);
}

void LayerCache::reserve_index(Ops& ops, const CacheShape& shape, int n) {
  const int count = index_->count, wanted = count + n;
  if (index_.use_count() == 1 && wanted <= index_->capacity) return;
  const int capacity = std::max(index_->capacity, 2 * wanted);
  auto grown =
      std::make_shared<Index>(Index{Buffer(ops, sizeof(int32_t) * capacity * shape.n_kv_heads), capacity, count});
  for (int h = 0; h < shape.n_kv_heads; h++) {
    ops.copy(grown->slots.as<int32_t>() + static_cast<size_t>(h) * capacity,
             index_->slots.as<int32_t>() + static_cast<size_t>(h) * index_->capacity, sizeof(int32_t) * count);
  }
  index_ = std::move(grown);
}

void LayerCache::reserve_pages(Ops& ops, const CacheShape& shape, int page_size, int n) {
  const int pages = (candidates() + n + page_size - 1) / page_size;
  if (bounds_ != nullptr && bounds_.use_count() == 1 && pages <= bounds_->pitch) return;
  // Room for a quarter more, in whole 16s: rows of a chosen dim stay contiguous and are read in full vectors.
  const int pitch = (pages + pages / 4 + 31) / 16 * 16;
  Buffer data(ops, static_cast<size_t>(shape.n_kv_heads) * 2 * shape.row_bytes() * pitch);
  bounds_ = std::make_shared<Pages>(Pages{std::move(data), page_size, pitch, true});
}

void LayerCache::build_pages(Model& model, const CacheShape& shape, int page_size) {
  bounds_ = nullptr;
  reserve_pages(model.ops(), shape, page_size, 0);
  std::vector<PageWork> work;
  collect_pages(0, &work);
  model.ops().build_bounds(work, shape.head_dim);
}

void LayerCache::collect_pages(int from, std::vector<PageWork>* work) const {
  if (bounds_ == nullptr) return;
  const CacheShape& shape = segments_[0].block->shape;
  for (int h = 0; h < shape.n_kv_heads; h++) {
    work->push_back({head(h, true), bounds(h), shape.kv, bounds_->stale ? 0 : from});
  }
  bounds_->stale = false;
}

int LayerCache::first_at(Ops& ops, int h, int position) const {
  const HeadCache view = head(h, true);
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

void LayerCache::drop_oldest(int sinks, int limit) {
  int surplus = slots_ - limit;
  if (surplus <= 0) return;
  std::vector<Segment> rest;
  int seen = 0;
  for (const Segment& s : segments_) {
    const int n = s.end - s.begin;
    const int pinned = std::clamp(sinks - seen, 0, n);
    const int dropped = std::min(surplus, n - pinned);
    if (pinned > 0 && dropped > 0) {
      rest.push_back({s.block, s.begin, s.begin + pinned});
      if (n > pinned + dropped) rest.push_back({s.block, s.begin + pinned + dropped, s.end});
    } else if (n > dropped) {
      rest.push_back({s.block, s.begin + dropped, s.end});
    }
    seen += n, surplus -= dropped;
  }
  slots_ = limit;
  segments_ = std::move(rest);
  refresh_runs();
}

int64_t LayerCache::kv_bytes() const {
  int64_t rows = 0;
  for (const Segment& s : segments_) rows += s.end - s.begin;
  if (segments_.empty()) return 0;
  const CacheShape& shape = segments_[0].block->shape;
  return rows * 2 * shape.n_kv_heads * static_cast<int64_t>(shape.row_bytes());
}

int64_t LayerCache::own_kv_bytes() const {
  int64_t sum = 0;
  for (size_t i = 0; i < segments_.size(); i++) {
    const auto& block = segments_[i].block;
    long own_views = 0;  // a block may stand in several segments after drop_oldest()
    for (const Segment& s : segments_) own_views += s.block == block;
    const bool counted = i > 0 && segments_[i - 1].block == block;
    if (!counted && block.use_count() == own_views) sum += block->kv_bytes();
  }
  return sum;
}

int64_t LayerCache::aux_bytes() const {
  size_t sum = 0;
  if (index_ != nullptr) sum += index_->slots.bytes();
  if (bounds_ != nullptr) sum += bounds_->data.bytes();
  return static_cast<int64_t>(sum);
}

}  // namespace rkv
