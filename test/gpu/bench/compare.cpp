// Whole models on a device against the CPU: what is kept, what is selected, and the logits.
#include <algorithm>
#include <cmath>
#include <iterator>

#include "bench_model.h"
#include "parts.h"
#include "plan_table.h"
#include "record.h"

namespace rkv::bench {
namespace {

constexpr int kSteps = 8;
// f32 throughout: sums in another order. With bf16 K and V a few elements round the other way, and a few choices follow
// them. Weights of 16 bits or fewer: both sides round activations at places of their own, the CPU to 8 bits for
// quantised ones.
constexpr double kExactTolerance = 1e-3, kRoundedTolerance = 5e-2;
// Choices between scores that are as good as equal may fall either way: this share of what is kept or selected.
constexpr double kExactShare = 1e-3, kRoundedShare = 2e-2;

/// Norm of the difference over the norm.
double relative_error(const std::vector<float>& found, const std::vector<float>& wanted) {
  double difference = 0, norm = 0;
  for (size_t i = 0; i < wanted.size(); i++) {
    difference += std::pow(double(found[i]) - wanted[i], 2);
    norm += std::pow(double(wanted[i]), 2);
  }
  const double error = std::sqrt(difference / norm);
  return std::isnan(error) ? INFINITY : error;
}

using Trace = decltype(&rkv_trace_cached);

/// Ascending.
std::vector<int32_t> positions_of(Trace trace, const BenchSession& session, int layer, int head) {
  int32_t n = 0;
  call(trace, session.handle(), layer, head, nullptr, 0, &n);
  std::vector<int32_t> out(static_cast<size_t>(n));
  call(trace, session.handle(), layer, head, out.data(), n, &n);
  std::sort(out.begin(), out.end());
  return out;
}

struct Outcome {
  // Largest relative errors of logits. Whoever has attended to other tokens has other logits: the second one is of the
  // steps before a choice differs.
  double prefill_error = 0, decode_error = 0;
  int decode_steps = 0;                         // that decode_error is of
  int64_t positions = 0, positions_differ = 0;  // kept and selected ones

  void compare(const BenchSession& found, const BenchSession& wanted, const rkv_model_config& c, bool decoded) {
    for (int l = 0; l < c.n_layers; l++) {
      for (int h = 0; h < c.n_heads; h++) compare_lists(rkv_trace_cached, found, wanted, l, h);
      for (int h = 0; decoded && h < c.n_heads; h++) compare_lists(rkv_trace_selected, found, wanted, l, h);
    }
    const double error = relative_error(found.logits(c.vocab_size), wanted.logits(c.vocab_size));
    if (!decoded) prefill_error = error;
    if (decoded && positions_differ == 0) decode_error = std::fmax(decode_error, error), decode_steps++;
  }

 private:
  void compare_lists(Trace trace, const BenchSession& found, const BenchSession& wanted, int layer, int head) {
    const std::vector<int32_t> a = positions_of(trace, found, layer, head),
                               b = positions_of(trace, wanted, layer, head);
    std::vector<int32_t> both;
    std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(both));
    const size_t longer = std::max(a.size(), b.size());
    positions += static_cast<int64_t>(longer), positions_differ += static_cast<int64_t>(longer - both.size());
  }
};

/// The same tokens through both, so that one difference does not make all that follow different.
Outcome run_both(const BenchModel& device, const BenchModel& cpu, const PlanRow& row, int kv_dtype) {
  const rkv_model_config& c = cpu.config();
  const BenchSession found(device, kv_dtype, true), wanted(cpu, kv_dtype, true);
  const std::vector<int32_t> prompt = random_tokens(row.context, c.vocab_size, 1);
  Outcome outcome;
  for (const BenchSession* session : {&found, &wanted}) session->prefill(prompt, row.plans);
  outcome.compare(found, wanted, c, false);
  for (const int32_t token : random_tokens(kSteps, c.vocab_size, 2)) {
    for (const BenchSession* session : {&found, &wanted}) {
      const uint64_t handle = session->handle();
      call(rkv_decode, &handle, &token, 1, nullptr, 0, nullptr, nullptr);
    }
    outcome.compare(found, wanted, c, true);
  }
  return outcome;
}

struct Variant {
  std::string weights;
  int kv_dtype;
  bool all_plans;  // else only the full cache: choices differ when scores do
  double tolerance, share;
};

std::vector<Variant> variants_of(const std::string& weights) {
  if (weights != "f32") return {{weights, RKV_BF16, false, kRoundedTolerance, 0}};
  return {{weights, RKV_F32, true, kExactTolerance, kExactShare},
          {weights, RKV_BF16, true, kRoundedTolerance, kRoundedShare}};
}

bool compare(const BenchModel& device, const BenchModel& cpu, const Variant& variant, const PlanRow& row) {
  const Outcome outcome = run_both(device, cpu, row, variant.kv_dtype);
  const bool agrees =
      outcome.prefill_error < variant.tolerance && outcome.decode_error < variant.tolerance &&
      static_cast<double>(outcome.positions_differ) <= variant.share * static_cast<double>(outcome.positions);
  Record("compare")
      .add("weights", variant.weights)
      .add("kv", dtype_name(static_cast<DType>(variant.kv_dtype)))
      .add("method", row.method)
      .add("context", row.context)
      .add("prefill_error", outcome.prefill_error)
      .add("decode_steps", outcome.decode_steps)
      .add("decode_error", outcome.decode_error)
      .add("positions", outcome.positions)
      .add("positions_differ", outcome.positions_differ)
      .add("agrees", agrees ? "yes" : "no")
      .print();
  return agrees;
}

}  // namespace

bool run_compare(const Options& options) {
  const std::string folder = options.text("folder", "."), shape = options.text("shape", "tiny");
  const std::vector<PlanRow> plans = read_plans(options.text("plans", "scripts/gpu_check/plans.csv"), shape);
  const std::vector<std::string> methods = options.list("methods", "");
  const auto chosen = [&](const PlanRow& row) {
    return methods.empty() || std::find(methods.begin(), methods.end(), row.method) != methods.end();
  };
  bool all_agree = true;
  for (const std::string& weights : options.list("weights", "f32,f16,bf16,q8_0,q4_0,q4_1,q5_0,q5_1,q4_k,q5_k,q6_k")) {
    const BenchModel device(shape_of(shape), dtype_of(weights), options.number("device", 1), folder);
    const BenchModel cpu(shape_of(shape), dtype_of(weights), 0, folder);
    for (const Variant& variant : variants_of(weights)) {
      for (const PlanRow& row : plans) {
        if (chosen(row) && (variant.all_plans || row.method == "full")) all_agree &= compare(device, cpu, variant, row);
      }
    }
  }
  return all_agree;
}

}  // namespace rkv::bench
