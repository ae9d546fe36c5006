#include "core/step_trace.h"

#include <algorithm>
#include <numeric>

namespace rkv {

StepTracer::StepTracer(std::span<Session* const> sessions)
    : sessions_(sessions), model_(sessions[0]->model), traces_(sessions.size()) {
  const rkv_model_config& c = model_.config;
  const size_t heads = static_cast<size_t>(c.n_layers) * c.n_heads;
  for (size_t i = 0; i < sessions.size(); i++) {
    if (sessions[i]->options.trace == 0) continue;
    StepTrace& trace = traces_[i];
    trace.position = sessions[i]->n_tokens();
    trace.selected.resize(heads);
    trace.n_sinks.resize(heads);
    trace.q = std::make_shared<const Buffer>(model_.ops(), sizeof(float) * heads * c.head_dim);
    const auto& plans = sessions[i]->plans;
    if (std::any_of(plans.begin(), plans.end(), [](const rkv_plan& plan) { return plan.shift_positions != 0; })) {
      trace.q_sinks = std::make_shared<const Buffer>(model_.ops(), trace.q->bytes());
    }
  }
}

void StepTracer::record(int layer, const StepQueries& queries, std::span<const HeadBatch> batches) {
  record_queries(layer, queries);
  for (const HeadBatch& batch : batches) {
    for (size_t i = 0; i < batch.heads.size(); i++) {
      if (traces_[batch.owners[i].session].q == nullptr) continue;
      record_head(layer, batch, batch.heads[i], batch.owners[i]);
    }
  }
}

void StepTracer::record_queries(int layer, const StepQueries& queries) {
  const size_t floats = static_cast<size_t>(model_.config.n_heads) * model_.config.head_dim;
  for (size_t i = 0; i < traces_.size(); i++) {
    const StepTrace& trace = traces_[i];
    if (trace.q == nullptr) continue;
    model_.ops().copy(trace.q->as<float>() + layer * floats, queries.q + i * floats, sizeof(float) * floats);
    if (trace.q_sinks == nullptr || queries.q_sinks == nullptr) continue;
    model_.ops().copy(trace.q_sinks->as<float>() + layer * floats, queries.q_sinks + i * floats,
                      sizeof(float) * floats);
  }
}

void StepTracer::record_head(int layer, const HeadBatch& batch, const DecodeHead& head, const HeadOwner& owner) {
  Ops& ops = model_.ops();
  const Session& session = *sessions_[owner.session];
  StepTrace& trace = traces_[owner.session];
  for (int g = 0; g < batch.group; g++) {
    std::vector<int32_t> slots;
    if (head.select) {
      const size_t list = head.plan->rank == RKV_RANK_PER_HEAD ? g : 0;
      const int32_t count = download_copy(ops, head.n_selected + list, 1)[0];
      slots = download_copy(ops, head.selected + list * head.plan->top_k, static_cast<size_t>(count));
    } else {
      const auto count = static_cast<size_t>(head.cache.candidates() - head.first);
      if (head.cache.index != nullptr) {
        slots = download_copy(ops, head.cache.index + head.first, count);
      } else {
        slots.resize(count);
        std::iota(slots.begin(), slots.end(), head.first);
      }
    }
    const size_t at =
        static_cast<size_t>(layer) * model_.config.n_heads + owner.kv_head * model_.group() + owner.list + g;
    trace.selected[at] = session.positions_of(layer, owner.kv_head, slots);
    trace.n_sinks[at] = head.q_sinks != nullptr ? head.n_sinks : 0;
  }
}

void StepTracer::commit() {
  for (size_t i = 0; i < traces_.size(); i++) {
    if (traces_[i].q != nullptr) sessions_[i]->trace = std::move(traces_[i]);
  }
}

}  // namespace rkv
