// KV caches for benchmarks of single ops.
#pragma once

#include <span>
#include <vector>

#include "op_bench.h"

namespace rkv::bench {

/// bf16 caches of `layers` layers, `n` tokens in every KV head, each in one run.
class Caches {
 public:
  Caches(const OpBench& bench, int n, int layers)
      : n_(n),
        heads_per_layer_(bench.config.n_kv_heads),
        d_(bench.config.head_dim),
        k_(bench.blocks(RKV_BF16, bytes(layers))),
        v_(bench.blocks(RKV_BF16, bytes(layers))),
        position_(bench.positions(n)) {
    for (int i = 0; i < layers * heads_per_layer_; i++) {
      const size_t at = static_cast<size_t>(i) * static_cast<size_t>(n) * static_cast<size_t>(d_);
      runs_.push_back({k_.as<uint16_t>() + at, v_.as<uint16_t>() + at, position_.as<int32_t>(), n});
    }
    for (const Run& run : runs_) heads_.push_back({&run, 1, n, nullptr, 0});
  }

  /// As many layers as no cache of the device can hold.
  static int layers_for(const OpBench& bench, int n) {
    const rkv_model_config& c = bench.config;
    const int64_t layer_bytes = int64_t{4} * n * c.n_kv_heads * c.head_dim;
    return static_cast<int>(std::clamp<int64_t>(bench.uncached_bytes / layer_bytes, 1, c.n_layers));
  }

  std::span<const HeadCache> layer(int l) const {
    const auto heads = static_cast<size_t>(heads_per_layer_);
    return std::span(heads_).subspan(static_cast<size_t>(l) * heads, heads);
  }
  int64_t layer_bytes() const { return int64_t{4} * n_ * heads_per_layer_ * d_; }  // K and V

 private:
  size_t bytes(int layers) const {
    return size_t{2} * static_cast<size_t>(layers * heads_per_layer_) * static_cast<size_t>(n_) *
           static_cast<size_t>(d_);
  }

  int n_, heads_per_layer_, d_;
  Buffer k_, v_, position_;
  std::vector<Run> runs_;
  std::vector<HeadCache> heads_;
};

}  // namespace rkv::bench
