#include "core/compress.h"

#include <algorithm>

#include "core/clock.h"
#include "core/evict.h"
#include "core/failure.h"
#include "core/plan.h"

namespace rkv {

void compress_layer(Session& session, int layer, const rkv_plan& plan, const Evidence& evidence) {
  Model& model = session.model;
  LayerCache& cache = session.layers[static_cast<size_t>(layer)].cache;
  cache.clear_selection();
  evict_layer(session, layer, plan, evidence);
  if (steps_need_attention(plan) && cache.attention(0) == nullptr) {
    fail(RKV_E_STATE,
         "cannot compress: step_evict ATTENTION needs a session with RKV_OBSERVE_ATTENTION (%d) in observe",
         RKV_OBSERVE_ATTENTION);
  }
  cache.quantise(model, session.shape, session.options);
  // Of the rows as they are stored, whatever they were before.
  if (plan.select == RKV_SELECT_PAGES) cache.build_pages(model, session.shape, plan);
  if (plan.mean_value != 0) cache.build_value_sum(model, session.shape);
  cache.prepare_steps(model, session.shape, plan);
}

void report_cache(const Session& session, rkv_compress_report* report) {
  report->kept_min = INT32_MAX, report->kept_max = 0;
  for (const LayerState& layer : session.layers) {
    for (int h = 0; h < session.shape.n_kv_heads; h++) {
      for (int list = 0; list < layer.cache.n_lists(); list++) {
        report->kept_min = std::min(report->kept_min, layer.cache.candidates(h, list));
        report->kept_max = std::max(report->kept_max, layer.cache.candidates(h, list));
      }
    }
  }
  report->bytes_after = session.kv_bytes();
  report->bytes_aux = session.aux_bytes();
}

void compress(Session& session, std::span<const rkv_plan> plans, rkv_compress_report* report) {
  if (session.state != SessionState::kPrefilled) fail(RKV_E_STATE, "cannot compress: the session is not prefilled");
  session.check(plans);
  const Stopwatch watch;
  const std::vector<LayerState> before = session.layers;  // shares the blocks; put back if memory runs out half way
  if (report != nullptr) report->bytes_before = session.kv_bytes();
  try {
    for (int l = 0; l < session.model.config.n_layers; l++) {
      const LayerState& layer = session.layers[static_cast<size_t>(l)];
      const double* moments = layer.moments != nullptr ? layer.moments->as<double>() : nullptr;
      compress_layer(session, l, plan_of_layer(plans, l),
                     {layer.queries->as<float>(), session.n_queries, moments, session.n_moments, session.n_tokens()});
    }
  } catch (...) {
    session.layers = before;
    throw;
  }
  for (LayerState& layer : session.layers) layer.queries = nullptr;
  session.n_queries = 0;
  session.plans.assign(plans.begin(), plans.end());
  session.state = SessionState::kReady;
  session.stats.compress_ns += watch.elapsed_ns();
  if (report != nullptr) report_cache(session, report);
}

}  // namespace rkv
