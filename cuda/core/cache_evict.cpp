// What a compression does to a layer's cache: rows that stay, lists of slots, sums.
#include <algorithm>
#include <numeric>

#include "core/failure.h"
#include "core/layer_cache.h"

namespace rkv {

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
      all = upload_copy(ops, list);
    } else if (sums != nullptr) {
      ops.download(list.data(), slots[h], sizeof(int32_t) * list.size());
    }
    ops.gather(head(h, false), slots[h] != nullptr ? slots[h] : all.as<int32_t>(), n, shape.head_dim, shape.kv,
               block->k(h, 0), block->v(h, 0), block->position(h, 0));
    if (sums != nullptr) sums->take(ops, h, *attention_, list);
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

}  // namespace rkv
