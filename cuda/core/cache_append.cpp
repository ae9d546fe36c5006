// Room for new tokens in a layer's cache, and the tokens themselves.
#include <algorithm>

#include "core/layer_cache.h"

namespace rkv {
namespace {

constexpr int kFirstTail = 64;  // slots of the first block behind a prompt; later ones double
constexpr int kLargestTail = 1024;

}  // namespace

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

}  // namespace rkv
