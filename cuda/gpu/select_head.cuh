// One KV head of a selection as its kernels see it, and what scoring hands to choosing.
#pragma once

#include <cfloat>

#include "gpu/kv_row.cuh"
#include "gpu/select.cuh"

namespace rkv::gpu {

constexpr int kSelectWarps = kSelectThreads / kWarp;
constexpr int kMostGroup = 16;

/// Candidates [begin, end), cut into pages of `size` that start at multiples of it; the outer two may be partial.
struct PageRange {
  int begin, end, size;
  int first, n;  // page numbers first .. first + n - 1

  static __host__ __device__ PageRange over(int begin, int end, int size) {
    const int first = begin / size;
    return {begin, end, size, first, begin < end ? (end - 1) / size - first + 1 : 0};
  }
  /// First candidate of the i-th page of the range, and how many it has.
  __device__ int start(int i) const { return max((first + i) * size, begin); }
  __device__ int tokens(int i) const { return min((first + i + 1) * size, end) - start(i); }
};

/// Query heads of one KV head that are scored together. For EXACT every token is a page of its own.
struct SelectHead {
  CacheView cache;
  int32_t group;       // query heads
  const float* q;      // [group, d]
  const void* bounds;  // [2, d, pitch]
  int32_t pitch;
  PageRange pages;  // of all candidates that can be seen
  int32_t query_dims, top_k, rank, sign, whole_pages, pin_sinks, pin_recent;
  int32_t slices, n_parts;  // slices: blocks that score; 0: everything fits
  int32_t *selected, *n_selected;
  float* mass;     // [group] or NULL: out
  float* score;    // [group, pages.n]
  float2* part;    // [n_parts, group]: highest score, sum of token weights relative to it, of kWarp pages
  uint32_t* keys;  // [pages.n], NULL: in shared memory

  /// Whether the group makes one choice, from softmax weights.
  __device__ bool softens() const { return rank == RKV_RANK_SOFTMAX_MEAN && group > 1; }
  /// Whether anything asks for softmax weights.
  __device__ bool weighs() const { return softens() || mass != nullptr; }
  /// Lists that are chosen.
  __device__ int lists() const { return rank == RKV_RANK_PER_HEAD ? group : 1; }
};

/// e^x as on the CPU, where what is below e^-87 is 0: such pages tie, and ties must go the same way.
__device__ __forceinline__ float weight_of(float x) { return x < -87.0f ? 0.0f : expf(x); }

/// Keep the score of page i (of the lane; of none if it is out of range) for query head g; a warp's 32 pages are part
/// `part`. Whole warp.
__device__ inline void put_score(const SelectHead& head, int g, int part, int i, float score, float scale) {
  const bool live = i >= 0 && i < head.pages.n;
  if (live) head.score[int64_t{g} * head.pages.n + i] = score;
  if (!head.weighs()) return;
  const float top = warp_max(live ? score : -FLT_MAX);
  const float sum = warp_sum(live ? weight_of((score - top) * scale) * static_cast<float>(head.pages.tokens(i)) : 0.0f);
  if (threadIdx.x % kWarp == 0) head.part[int64_t{part} * head.group + g] = make_float2(top, sum);
}

}  // namespace rkv::gpu
