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

class OpBench {
 public:
  explicit OpBench(const Options& options)
      : config(shape_of(options.text("shape", "llama-8b"))),
        ops(make_ops(options.number("device", 1), config)),
        uncached_bytes(int64_t{options.number("uncached_mib", 256)} << 20),
        rounds_(options.number("rounds", 7)) {}

  /// Device time of fn(0) ... fn(repeat - 1) together, in ms: the median of some steps that are replayed as graphs. Two
  /// come before them, one that runs as it is recorded and one that makes the graph.
  template <class Fn>
  double median_ms(int repeat, Fn&& fn) const {
    std::vector<double> ms;
    for (int round = -2; round < rounds_; round++) {
      ops->begin_step(true);
      for (int i = 0; i < repeat; i++) fn(i);
      const StageTimes times = ops->end_step();
      if (round >= 0) ms.push_back(static_cast<double>(times.linear_ns) / 1e6);
    }
    std::sort(ms.begin(), ms.end());
    return ms[ms.size() / 2];
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
  /// What no cache of the device holds: arrays that are read once in a step are together at least this large.
  const int64_t uncached_bytes;

 private:
  static constexpr size_t kPiece = 4 << 20;

  Buffer filled(const std::vector<uint8_t>& piece, size_t bytes) const {
    Buffer out(*ops, bytes);
    for (size_t at = 0; at < bytes; at += piece.size()) {
      ops->upload(out.as<uint8_t>() + at, piece.data(), std::min(piece.size(), bytes - at));
    }
    return out;
  }

  const int rounds_;
};

}  // namespace rkv::bench
