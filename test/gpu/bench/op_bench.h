// Ops of a backend, alone, in memory filled with random numbers.
#pragma once

#include <algorithm>
#include <memory>
#include <random>
#include <string>

#include "bench_model.h"
#include "core/backend.h"
#include "core/buffer.h"
#include "options.h"

namespace rkv::bench {

/// What no cache of a device holds: arrays that a benchmark reads once are together at least this large.
constexpr int64_t kUncachedBytes = 256 << 20;

class OpBench {
 public:
  explicit OpBench(const Options& options)
      : config(shape_of(options.text("shape", "llama-8b"))), ops(make_ops(options.number("device", 1), config)) {}

  /// Device time of fn(0) ... fn(repeat - 1) together, in ms: the best of some steps, the later ones replayed.
  template <class Fn>
  double best_ms(int repeat, Fn&& fn) const {
    double best = 1e30;
    for (int round = 0; round < 5; round++) {
      ops->begin_step(true);
      for (int i = 0; i < repeat; i++) fn(i);
      const StageTimes times = ops->end_step();
      best = std::min(best, static_cast<double>(times.linear_ns) / 1e6);
    }
    return best;
  }

  Buffer floats(size_t count) const { return filled(random_blocks(RKV_F32, kPiece, 1), count * sizeof(float)); }
  Buffer blocks(DType dtype, size_t bytes) const { return filled(random_blocks(dtype, kPiece, 1), bytes); }
  Buffer positions(int count) const {
    std::vector<int32_t> values(static_cast<size_t>(count));
    for (int i = 0; i < count; i++) values[static_cast<size_t>(i)] = i;
    Buffer out(*ops, sizeof(int32_t) * values.size());
    ops->upload(out.as(), values.data(), out.bytes());
    return out;
  }

  const rkv_model_config config;
  const std::unique_ptr<Ops> ops;

 private:
  static constexpr size_t kPiece = 4 << 20;

  Buffer filled(const std::vector<uint8_t>& piece, size_t bytes) const {
    Buffer out(*ops, bytes);
    for (size_t at = 0; at < bytes; at += piece.size()) {
      ops->upload(out.as<uint8_t>() + at, piece.data(), std::min(piece.size(), bytes - at));
    }
    return out;
  }
};

}  // namespace rkv::bench
