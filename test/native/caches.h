// Caches of a few KV heads for the wrappers around single ops. Every run ends at a guard page.
#pragma once

#include <memory>
#include <vector>

#include "core/ops.h"
#include "cpu/attend_rows.h"
#include "cpu/quantise.h"
#include "guarded.h"

namespace rkvt {

using namespace rkv;
using cpu::element_bytes;

/// How the caches of a call are laid out; all heads alike.
struct CacheShape {
  int32_t kv;  // rkv_dtype: RKV_F32 or RKV_BF16
  int32_t d, group, n_heads, n;
  int32_t n_runs;
  int32_t n_index;     // 0: no index list
  int32_t coded_runs;  // the first ones are quantised
  int32_t bits, code_group;
};

/// Codes and scales of a stretch of rows.
struct Coded {
  Coded(const void* k, const void* v, int32_t n, int32_t d, int32_t bits, int32_t group)
      : k_codes(nullptr, static_cast<size_t>(n) * d * bits / 8),
        v_codes(nullptr, static_cast<size_t>(n) * d * bits / 8),
        k_scale(nullptr, size_t{2} * n / group * d),
        v_scale(nullptr, size_t{2} * n * d / group),
        codes{bits, group, k_scale.data(), v_scale.data()},
        head{k, v, n, k_codes.data(), v_codes.data(), codes} {}
  Guarded<uint8_t> k_codes, v_codes;
  Guarded<uint16_t> k_scale, v_scale;
  KvCodes codes;
  QuantHead head;
};

/// Caches cut into runs of the given lengths, each run in a block of its own.
class Caches {
 public:
  /// k, v [n_heads, n, d] of the KV dtype, v may be NULL; positions, index and run lengths are the same for all heads.
  Caches(const CacheShape& s, const int32_t* run_lengths, const uint8_t* k, const uint8_t* v, const int32_t* positions,
         const int32_t* index) {
    const size_t row = s.d * element_bytes(static_cast<DType>(s.kv));
    runs_.reserve(static_cast<size_t>(s.n_heads) * s.n_runs);
    for (int h = 0; h < s.n_heads; h++) {
      size_t at = 0;
      for (int r = 0; r < s.n_runs; at += run_lengths[r++]) {
        const size_t n = run_lengths[r], from = (static_cast<size_t>(h) * s.n + at) * row;
        const auto* position = reinterpret_cast<const int32_t*>(copy(positions + at, n * 4));
        const void *keys = copy(k + from, n * row), *values = v == nullptr ? keys : copy(v + from, n * row);
        if (r < s.coded_runs) {
          const Coded& coded = quantise(keys, values, run_lengths[r], s);
          runs_.push_back({coded.head.k_out, coded.head.v_out, position, run_lengths[r], coded.codes});
        } else {
          runs_.push_back({keys, v == nullptr ? nullptr : values, position, run_lengths[r]});
        }
      }
      const auto* list = s.n_index > 0 ? reinterpret_cast<const int32_t*>(copy(index, s.n_index * size_t{4})) : nullptr;
      heads.push_back({&runs_[static_cast<size_t>(h) * s.n_runs], s.n_runs, s.n, list, s.n_index});
    }
  }
  std::vector<HeadCache> heads;

 private:
  const void* copy(const void* from, size_t bytes) {
    blocks_.push_back(std::make_unique<Guarded<uint8_t>>(static_cast<const uint8_t*>(from), bytes));
    return blocks_.back()->data();
  }
  const Coded& quantise(const void* k, const void* v, int32_t n, const CacheShape& s) {
    const auto kv = static_cast<DType>(s.kv);
    coded_.push_back(std::make_unique<Coded>(k, v, n, s.d, s.bits, s.code_group));
    cpu::ThreadPool pool(1);
    cpu::quantise(pool, cpu::best_cpu_level(), {&coded_.back()->head, 1}, s.d, kv);
    return *coded_.back();
  }
  std::vector<std::unique_ptr<Guarded<uint8_t>>> blocks_;
  std::vector<std::unique_ptr<Coded>> coded_;
  std::vector<Run> runs_;
};

}  // namespace rkvt
