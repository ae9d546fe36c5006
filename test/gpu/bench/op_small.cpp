// Ops that move little: they count by their latency.
#include "op_bench.h"
#include "parts.h"
#include "record.h"

namespace rkv::bench {
namespace {

constexpr int kRepeat = 32;  // calls in a step

void measure_sample(const OpBench& bench, const char* what, float temperature, int top_k, float top_p) {
  const Buffer logits = bench.floats(static_cast<size_t>(bench.config.vocab_size));
  rkv_sampler sampler = {};
  sampler.temperature = temperature, sampler.top_k = top_k, sampler.top_p = top_p, sampler.repeat_penalty = 1;
  const SampleRequest request = {logits.as<float>(), nullptr, 0, 0, &sampler};
  int32_t token;
  const double ms =
      bench.median_ms(1, [&](int) { bench.ops->sample(std::span(&request, 1), bench.config.vocab_size, &token); });
  Record("small").add("op", std::string("sample, ") + what).add("us", ms * 1e3).print();
}

}  // namespace

void run_small(const Options& options) {
  const OpBench bench(options);
  const rkv_model_config& c = bench.config;
  for (const int n : options.numbers("n", "1,4,2048")) {
    const Buffer x = bench.floats(static_cast<size_t>(n) * static_cast<size_t>(c.hidden_dim));
    const Buffer y = bench.floats(static_cast<size_t>(n) * static_cast<size_t>(c.hidden_dim));
    const auto record = [&](const char* op, int64_t bytes, double ms) {
      Record("small")
          .add("op", op)
          .add("n", n)
          .add("us", ms * 1e3 / kRepeat)
          .add("gb_per_s", static_cast<double>(bytes) * kRepeat / ms / 1e6)
          .print();
    };
    float *a = x.as<float>(), *b = y.as<float>();
    const int64_t dim_floats = int64_t{n} * c.dim, hidden_floats = int64_t{n} * c.hidden_dim;
    record("rms_norm", 8 * dim_floats,
           bench.median_ms(kRepeat, [&](int) { bench.ops->rms_norm(a, b, c.norm_eps, n, c.dim, a); }));
    record("add", 12 * dim_floats, bench.median_ms(kRepeat, [&](int) { bench.ops->add(a, b, dim_floats); }));
    record("silu_mul", 12 * hidden_floats,
           bench.median_ms(kRepeat, [&](int) { bench.ops->silu_mul(a, b, hidden_floats); }));
    record("copy", 8 * hidden_floats,
           bench.median_ms(kRepeat, [&](int) { bench.ops->copy(a, b, sizeof(float) * hidden_floats); }));
  }
  measure_sample(bench, "greedy", 0, 0, 1);
  measure_sample(bench, "temperature 1", 1, 0, 1);
  measure_sample(bench, "top_k 40, top_p 0.95", 0.8f, 40, 0.95f);
}

}  // namespace rkv::bench
