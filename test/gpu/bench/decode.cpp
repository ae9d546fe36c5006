// Decode steps of a whole model: several lengths, plans and batch sizes, one type of weights.
//
// One session is prefilled further and further with random tokens; every measurement compresses forks of it. Sessions
// of a batch must not share K and V, or the L2 cache would serve all but the first: compression copies what it keeps,
// and a plan that keeps all of it is made to drop one token, so that it copies as well.
#include <algorithm>

#include "bench_model.h"
#include "clock.h"
#include "parts.h"
#include "plan_table.h"
#include "record.h"

namespace rkv::bench {
namespace {

constexpr int kWarmUp = 4;
/// A context of twice the length takes up to this many times as long as the one before: prefill grows with the square.
constexpr double kNextContext = 4;

std::vector<rkv_plan> with_own_memory(std::vector<rkv_plan> plans, int context) {
  for (rkv_plan& plan : plans) {
    if (plan.evict == RKV_EVICT_NONE) plan.evict = RKV_EVICT_RECENT, plan.keep = context - 1;
  }
  return plans;
}

/// Greedy steps of all sessions together. @return ms of each, those of the warm-up left out.
std::vector<double> decode(const std::vector<BenchSession>& sessions, int steps) {
  std::vector<uint64_t> handles;
  for (const BenchSession& session : sessions) handles.push_back(session.handle());
  rkv_sampler greedy = {};
  greedy.struct_size = sizeof greedy;
  greedy.top_p = 1, greedy.repeat_penalty = 1;
  const std::vector<rkv_sampler> samplers(sessions.size(), greedy);
  std::vector<int32_t> tokens(sessions.size(), 1);
  std::vector<double> ms;
  for (int i = 0; i < kWarmUp + steps; i++) {
    const Clock::time_point start = Clock::now();
    call(rkv_decode, handles.data(), tokens.data(), static_cast<int32_t>(handles.size()), nullptr, 0, samplers.data(),
         tokens.data());
    if (i >= kWarmUp) ms.push_back(ms_since(start));
  }
  std::sort(ms.begin(), ms.end());
  return ms;
}

class DecodeBench {
 public:
  DecodeBench(const Options& options, const std::string& weights)
      : weights_(weights),
        device_(options.number("device", 1)),
        steps_(options.number("steps", 16)),
        model_(shape_of(options.text("shape", "llama-8b")), dtype_of(weights), device_, options.text("folder", ".")),
        base_(model_, RKV_BF16, false) {}

  /// Take the context up to `length` tokens.
  void extend(int length) {
    const int n = length - base_.stats().n_tokens;
    if (n <= 0) return;
    base_.prefill(random_tokens(n, model_.config().vocab_size, static_cast<uint32_t>(length)), {});
  }

  void leave_out(int context) const {
    Record("decode").add("weights", weights_).add("context", context).add("left_out", "no time was left").print();
  }

  void measure(const PlanRow& row, int batch, int round) {
    Record record("decode");
    record.add("weights", weights_).add("context", row.context).add("method", row.method).add("budget", row.budget);
    record.add("batch", batch).add("round", round);
    try {
      measure_into(record, row, batch);
    } catch (const Failure& failure) {
      if (failure.status() != RKV_E_MEMORY) throw;
      record.add("left_out", "it does not fit into the device's memory");
    }
    record.print();
  }

 private:
  void measure_into(Record& record, const PlanRow& row, int batch) {
    std::vector<BenchSession> sessions;
    const std::vector<rkv_plan> plans = with_own_memory(row.plans, row.context);
    for (int i = 0; i < batch; i++) {
      sessions.push_back(base_.fork());
      sessions.back().compress(plans);
    }
    const rkv_session_stats before = sessions[0].stats();
    const std::vector<double> ms = decode(sessions, steps_);
    const rkv_session_stats after = sessions[0].stats();
    // A session counts its share of a step.
    const double per_step = static_cast<double>(batch) / (kWarmUp + steps_) / 1e6;
    const rkv_device_desc desc = describe(device_);
    record.add("step_ms", ms[ms.size() / 2]).add("step_ms_min", ms.front()).add("step_ms_max", ms.back());
    record.add("linear_ms", static_cast<double>(after.linear_ns - before.linear_ns) * per_step);
    record.add("select_ms", static_cast<double>(after.select_ns - before.select_ns) * per_step);
    record.add("attend_ms", static_cast<double>(after.attend_ns - before.attend_ns) * per_step);
    record.add("sample_ms", static_cast<double>(after.sample_ns - before.sample_ns) * per_step);
    record.add("weight_bytes", model_.usage().decode_bytes);
    record.add("kv_read_bytes", (after.score_read_bytes + after.attend_read_bytes) * batch);
    record.add("kv_bytes", after.kv_bytes * batch);
    record.add("device_bytes_used", desc.memory_total - desc.memory_free);
  }

  std::string weights_;
  int device_, steps_;
  BenchModel model_;
  BenchSession base_;
};

}  // namespace

void run_decode(const Options& options) {
  const std::vector<PlanRow> rows =
      read_plans(options.text("plans", "scripts/gpu_check/plans.csv"), options.text("shape", "llama-8b"));
  const std::vector<std::string> methods = options.list("methods", "full,rocketkv");
  const std::vector<int> batches = options.numbers("batches", "1,4");
  DecodeBench bench(options, options.text("weights", "bf16"));
  double last_ms = 0;  // of a context
  for (const int context : options.numbers("contexts", "2048,4096,6144,8192,16384,32768,65536,131072")) {
    if (!options.time_for(kNextContext * last_ms)) {
      bench.leave_out(context);
      continue;
    }
    const Clock::time_point start = Clock::now();
    bench.extend(context);
    // A slow change of the clocks then touches all methods alike.
    for (int round = 0; round < options.number("rounds", 2); round++) {
      for (const PlanRow& row : plans_for(rows, context)) {
        if (std::find(methods.begin(), methods.end(), row.method) == methods.end()) continue;
        for (const int batch : batches) bench.measure(row, batch, round);
      }
    }
    last_ms = ms_since(start);
  }
}

}  // namespace rkv::bench
