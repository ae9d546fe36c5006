// Projections alone: GB/s of weights for few rows, TFLOP/s for many.
#include "op_bench.h"
#include "parts.h"
#include "record.h"

namespace rkv::bench {
namespace {

/// Enough copies of one matrix that none is found in a cache.
class Weights {
 public:
  Weights(const OpBench& bench, DType dtype, int rows, int cols) : ops_(*bench.ops) {
    const int64_t bytes = row_bytes(dtype, cols) * rows;
    host_ = random_blocks(dtype, static_cast<size_t>(bytes), 0.02f);
    for (int64_t total = 0; total < bench.uncached_bytes; total += bytes) {
      placed_.push_back(ops_.place({dtype, rows, cols, host_.data()}));
    }
  }
  ~Weights() {
    for (const Weight& weight : placed_) ops_.unplace(weight);
  }
  Weights(const Weights&) = delete;
  Weights& operator=(const Weights&) = delete;

  int count() const { return static_cast<int>(placed_.size()); }
  const Weight& operator[](int i) const { return placed_[static_cast<size_t>(i)]; }

 private:
  Ops& ops_;
  std::vector<uint8_t> host_;
  std::vector<Weight> placed_;
};

void measure(const OpBench& bench, const std::string& type, const Weights& weights, int n, LinearUse use) {
  const Weight& first = weights[0];
  const Buffer x = bench.floats(static_cast<size_t>(n) * static_cast<size_t>(first.cols));
  const Buffer y(*bench.ops, sizeof(float) * static_cast<size_t>(n) * static_cast<size_t>(first.rows));
  const double ms = bench.median_ms(weights.count(), [&](int i) {
    const Projection projection = {&weights[i], nullptr, y.as<float>()};
    bench.ops->linear(x.as<float>(), n, std::span(&projection, 1), use);
  }) / weights.count();
  const double operations = 2.0 * n * first.rows * first.cols;
  Record("linear")
      .add("weights", type)
      .add("use", use == LinearUse::kDecode ? "decode" : "prefill")
      .add("n", n)
      .add("rows", first.rows)
      .add("cols", first.cols)
      .add("us", ms * 1e3)
      .add("gb_per_s", static_cast<double>(first.bytes()) / ms / 1e6)
      .add("tflop_per_s", operations / ms / 1e9)
      .print();
}

}  // namespace

void run_linear(const Options& options) {
  const OpBench bench(options);
  const rkv_model_config& c = bench.config;
  const int shapes[][2] = {{c.n_heads * c.head_dim, c.dim}, {c.hidden_dim, c.dim}, {c.dim, c.hidden_dim}};
  for (const std::string& type : options.list("weights", "bf16,q8_0,q4_0,q4_k,q6_k")) {
    for (const auto& [rows, cols] : shapes) {
      const Weights weights(bench, dtype_of(type), rows, cols);
      for (const int n : options.numbers("decode", "1,4,16")) measure(bench, type, weights, n, LinearUse::kDecode);
      for (const int n : options.numbers("prefill", "2048")) measure(bench, type, weights, n, LinearUse::kPrefill);
    }
  }
}

}  // namespace rkv::bench
