#include "core/prefill.h"

#include <algorithm>

#include "core/clock.h"
#include "core/compress.h"
#include "core/failure.h"
#include "core/plan.h"
#include "core/prompt_pass.h"

namespace rkv {

void check_tokens(const Model& model, std::span<const int32_t> tokens) {
  for (size_t i = 0; i < tokens.size(); i++) {
    if (tokens[i] < 0 || tokens[i] >= model.config.vocab_size) {
      fail(RKV_E_ARG, "token %zu must be between 0 and %d: found %d", i, model.config.vocab_size - 1, tokens[i]);
    }
  }
}

void prefill(Session& session, std::span<const int32_t> tokens, std::span<const rkv_plan> plans,
             rkv_compress_report* report, rkv_progress* progress_block) {
  if (tokens.empty()) fail(RKV_E_ARG, "cannot prefill: expected at least 1 token, found 0");
  if (tokens.size() > size_t{1} << 28)
    fail(RKV_E_ARG, "cannot prefill: expected at most 2^28 tokens, found %zu", tokens.size());
  check_tokens(session.model, tokens);
  if (!plans.empty()) session.check(plans);
  const Stopwatch watch;
  Account& kv = session.model.kv;
  const int64_t others = kv.live - session.kv_bytes(), model_peak = kv.peak;
  kv.peak = kv.live;
  const std::vector<LayerState> before = session.layers;  // shares the blocks; put back if the call fails
  Progress progress(progress_block);
  try {
    PromptPass work(session, tokens, plans, progress);
    work.run();
    session.stats.compress_ns += work.compress_ns();
    session.stats.prefill_ns += watch.elapsed_ns() - work.compress_ns();
    if (report != nullptr && !plans.empty()) report->bytes_before = work.full_bytes(), report_cache(session, report);
  } catch (...) {
    session.layers = before;
    kv.peak = std::max(kv.peak, model_peak);
    throw;
  }
  session.stats.kv_peak_bytes = std::max(session.stats.kv_peak_bytes, kv.peak - others);
  kv.peak = std::max(kv.peak, model_peak);
  session.tokens.insert(session.tokens.end(), tokens.begin(), tokens.end());
  session.state = !plans.empty() ? SessionState::kReady : SessionState::kPrefilled;
  if (!plans.empty()) session.plans.assign(plans.begin(), plans.end());
}

}  // namespace rkv
