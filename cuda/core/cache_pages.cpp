// Page bounds of a layer's cache.
#include <algorithm>

#include "core/layer_cache.h"
#include "core/plan.h"

namespace rkv {

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

}  // namespace rkv
