#include "core/shifted_queries.h"

#include <algorithm>

#include "core/forward.h"
#include "core/plan.h"

namespace rkv {

ShiftedQueries::ShiftedQueries(std::span<Session* const> sessions, std::span<const int32_t> positions)
    : sessions_(sessions), model_(sessions[0]->model) {
  const rkv_model_config& c = model_.config;
  for (int l = 0; l < c.n_layers; l++) {
    std::vector<int32_t> shifted = shifted_positions(l, positions);
    if (shifted.empty()) {
      table_of_layer_.push_back(-1);
      continue;
    }
    // Layers mostly hold equally many tokens: one table does for all of them.
    auto table = std::find_if(tables_.begin(), tables_.end(), [&](const Table& t) { return t.positions == shifted; });
    if (table == tables_.end()) {
      Buffer rotations = make_rope_table(model_, shifted.data(), static_cast<int>(shifted.size()));
      table = tables_.insert(table, {std::move(shifted), std::move(rotations)});
    }
    table_of_layer_.push_back(static_cast<int>(table - tables_.begin()));
  }
  if (!tables_.empty()) q_ = Buffer(model_.ops(), sizeof(float) * sessions.size() * c.n_heads * c.head_dim);
}

/// Where the query of every KV head stands when positions count through the cache; empty when no session shifts.
std::vector<int32_t> ShiftedQueries::shifted_positions(int layer, std::span<const int32_t> positions) const {
  std::vector<int32_t> shifted;
  bool any = false;
  for (size_t i = 0; i < sessions_.size(); i++) {
    const rkv_plan& plan = sessions_[i]->plan(layer);
    const LayerCache& cache = sessions_[i]->layers[static_cast<size_t>(layer)].cache;
    any = any || (plan.shift_positions != 0 && plan.sinks > 0);
    for (int h = 0; h < model_.config.n_kv_heads; h++) {
      int length = cache.candidates(h) + 1;
      const bool drops = plan.step_keep > 0 && plan.step_evict == RKV_STEP_OLDEST && !is_dense_head(plan, h);
      if (drops) length = std::min(length, plan.step_keep);
      shifted.push_back(plan.shift_positions != 0 ? length - 1 : positions[i]);
    }
  }
  return any ? shifted : std::vector<int32_t>();
}

const float* ShiftedQueries::rotate(int layer, const float* q) {
  const int table = table_of_layer_[static_cast<size_t>(layer)];
  if (table < 0) return nullptr;
  RotateShape shape = rotate_shape(model_);
  shape.n_heads = model_.group(), shape.n_kv_heads = 0;  // every KV head's queries are a row: heads differ in length
  const auto& [positions, rotations] = tables_[static_cast<size_t>(table)];
  model_.ops().copy(q_.as(), q, q_.bytes());
  model_.ops().rotate_and_append(shape, q_.as<float>(), nullptr, static_cast<int>(positions.size()),
                                 rotations.as<float>(), {}, {});
  return q_.as<float>();
}

}  // namespace rkv
