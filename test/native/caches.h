// Caches of a few KV heads for the wrappers around single ops. Every run ends at a guard page.
#pragma once

#include <memory>
#include <vector>

#include "core/ops.h"
#include "cpu/attend_rows.h"
#include "guarded.h"

namespace rkvt {

using namespace rkv;
using cpu::element_bytes;

/// How the caches of a call are laid out; all heads alike.
struct CacheShape {
  int32_t kv;  // rkv_dtype: RKV_F32 or RKV_BF16
  int32_t d, group, n_heads, n;
  int32_t n_runs;
  int32_t n_index;  // 0: no index list
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
        runs_.push_back({copy(k + from, n * row), v == nullptr ? nullptr : copy(v + from, n * row),
                         reinterpret_cast<const int32_t*>(copy(positions + at, n * 4)), run_lengths[r]});
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
  std::vector<std::unique_ptr<Guarded<uint8_t>>> blocks_;
  std::vector<Run> runs_;
};

}  // namespace rkvt
