// Whole prompts, from tokens to the logits of the last one, eviction included.
#include "bench_model.h"
#include "clock.h"
#include "parts.h"
#include "plan_table.h"
#include "record.h"

namespace rkv::bench {
namespace {

/// A prompt of the next length takes up to this many times as long: they are four times as long, and attention grows
/// with the square.
constexpr double kNextContext = 10;

/// @return ms of the prefill.
double measure(const BenchModel& model, const PlanRow& row, Record& record) {
  const int vocab_size = model.config().vocab_size;
  const BenchSession session(model, RKV_BF16, false);
  call(rkv_model_reset_peak, model.handle());
  const std::vector<int32_t> tokens = random_tokens(row.context, vocab_size, 1);
  const Clock::time_point start = Clock::now();
  session.prefill(tokens, row.plans);
  session.logits(vocab_size);
  const double ms = ms_since(start);
  const rkv_model_usage usage = model.usage();
  record.add("ms", ms).add("tokens_per_s", row.context / ms * 1e3);
  record.add("compress_ms", static_cast<double>(session.stats().compress_ns) / 1e6);
  record.add("kv_bytes_peak", usage.kv_bytes_peak).add("work_bytes_peak", usage.work_bytes_peak);
  return ms;
}

/// The methods' rows in their order, with this budget or none.
std::vector<PlanRow> chosen(const std::vector<PlanRow>& rows, const std::vector<std::string>& methods, int budget) {
  std::vector<PlanRow> found;
  for (const std::string& method : methods) {
    for (const PlanRow& row : rows) {
      if (row.method == method && (row.budget == 0 || row.budget == budget)) found.push_back(row);
    }
  }
  return found;
}

}  // namespace

void run_prefill(const Options& options) {
  const std::string shape = options.text("shape", "llama-8b"), weights = options.text("weights", "bf16");
  const std::vector<PlanRow> rows = read_plans(options.text("plans", "scripts/gpu_check/plans.csv"), shape);
  const std::vector<std::string> methods = options.list("methods", "rocketkv,full");
  const BenchModel model(shape_of(shape), dtype_of(weights), options.number("device", 1), options.text("folder", "."));
  double last_ms = 0;
  int last_context = 0;
  for (const int context : options.numbers("contexts", "2048,8192,32768,131072")) {
    for (const PlanRow& row : chosen(plans_for(rows, context), methods, options.number("budget", 512))) {
      for (int round = 0; round < options.number("rounds", 2); round++) {  // the first one of a length warms up
        Record record("prefill");
        record.add("weights", weights).add("context", context).add("method", row.method).add("budget", row.budget);
        record.add("round", round);
        if (options.time_for(context == last_context ? last_ms : kNextContext * last_ms)) {
          last_ms = measure(model, row, record), last_context = context;
        } else {
          record.add("left_out", "no time was left");
        }
        record.print();
      }
    }
  }
}

}  // namespace rkv::bench
