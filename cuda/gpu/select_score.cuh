// Scores of pages or tokens for every query head of a group: a slice of them per block.
#pragma once

#include "gpu/row_sums.cuh"
#include "gpu/select_head.cuh"

namespace rkv::gpu {

/// What a block knows of its head before it scores.
struct QueryShared {
  float size[kMostDims];    // |q| summed over the group
  float scale[kMostGroup];  // per query head: 1 / temperature
  int row[2 * kMostDims];   // rows of the bounds that are read: plane * d + dim
  int warps[kMaxWarps];
  int n_rows;
};

/// Pages by their bounds: the products of the query dims that weigh most with page min or max (RocketKV,
/// arXiv:2502.14051, section 3.4).
///
/// A lane has kPages pages at a time, 16 bytes of every row; the warps share the rows out, so that all of a slice is on
/// its way at once, and are added up in shared memory.
template <class T, int kHeads>
struct PageScorer {
  static constexpr int kPages = KvPiece<T>::kSize;
  static constexpr int kSlice = kWarp * kPages;  // pages
  static constexpr int kParts = kSlice / kWarp;  // of a slice
  static constexpr int kAhead = 8;               // rows in flight

  static int slices(const PageRange& pages) { return (pages.first % kPages + pages.n + kSlice - 1) / kSlice; }
  static constexpr size_t shared_bytes(int d) {
    return sizeof(float) * (2 * static_cast<size_t>(d) * kHeads + size_t{kSelectWarps} * kHeads * kSlice);
  }

  /// @param memory  Shared: weights [2 d, kHeads], then sums [warps, kHeads, kSlice].
  static __device__ void score(const SelectHead& head, int d, int slice, QueryShared& query, float* memory) {
    const int group = head.group;
    choose_dims(head, d, query);
    float *weight = memory, *sums = memory + 2 * d * kHeads;
    const int column = head.pages.first / kPages * kPages + slice * kSlice;  // first page; rows are aligned to kPages
    for (int g = 0; g < group; g += kHeads) {
      load_weights(head, d, g, query, weight);
      __syncthreads();
      weigh(head, query, weight, column, sums);
      __syncthreads();
      const int at = static_cast<int>(threadIdx.x);
      for (int h = 0; h < kHeads && g + h < group && at < kSlice; h++) {
        float score = 0;
        for (int w = 0; w < kSelectWarps; w++) score += sums[(w * kHeads + h) * kSlice + at];
        put_score(head, g + h, slice * kParts + at / kWarp, column + at - head.pages.first, score, query.scale[g + h]);
      }
      __syncthreads();
    }
  }

 private:
  /// The query_dims dims with the largest |q| summed over the group, ascending, and the temperature of every head.
  static __device__ void choose_dims(const SelectHead& head, int d, QueryShared& query) {
    const int group = head.group;
    const int dim = static_cast<int>(threadIdx.x);
    float size = 0, sum = 0;
    for (int g = 0; g < group && dim < d; g++) {
      size += fabsf(head.q[g * d + dim]);
      sum += head.q[g * d + dim];
    }
    query.size[dim] = size;
    __syncthreads();
    int before = 0;
    for (int other = 0; other < d; other++)
      before += query.size[other] > size || (query.size[other] == size && other < dim);
    const bool chosen = dim < d && before < head.query_dims;
    int n;
    const int at = block_exclusive_sum(static_cast<int>(chosen), query.warps, &n);
    const bool both = head.sign == RKV_SIGN_HEAD;
    if (chosen && both) query.row[2 * at] = d + dim, query.row[2 * at + 1] = dim;
    if (chosen && !both) query.row[at] = (sum > 0 ? d : 0) + dim;
    if (dim == 0) query.n_rows = both ? 2 * n : n;
    if (!chosen) query.size[dim] = -1;  // read below, by whom it is not chosen for
    __syncthreads();
    const int lane = dim % kWarp;
    for (int g = dim / kWarp; g < group; g += kSelectWarps) {
      float of_chosen = 0, all = 0;
      for (int i = lane; i < d; i += kWarp) {
        const float q = fabsf(head.q[g * d + i]);
        all += q;
        if (query.size[i] >= 0) of_chosen += q;
      }
      of_chosen = warp_sum(of_chosen), all = warp_sum(all);
      const float share = head.query_dims == d ? 1.0f : of_chosen / all;
      // A head without weight on the chosen dims scores 0 everywhere; its temperature would be 0 or 0/0.
      if (lane == 0) query.scale[g] = of_chosen > 0 ? 1.0f / sqrtf(static_cast<float>(d) * share) : 0.0f;
    }
  }

  /// weight[row][h] of the query heads from g on, 0 past the group.
  static __device__ void load_weights(const SelectHead& head, int d, int g, const QueryShared& query, float* weight) {
    for (int i = threadIdx.x; i < query.n_rows * kHeads; i += kSelectThreads) {
      const int h = i % kHeads, row = query.row[i / kHeads];
      float w = g + h < head.group ? head.q[(g + h) * d + (row < d ? row : row - d)] : 0.0f;
      // q * max where q > 0, q * min where q < 0: the larger product of the two.
      if (head.sign == RKV_SIGN_HEAD) w = row >= d ? fmaxf(w, 0.0f) : fminf(w, 0.0f);
      weight[i] = w;
    }
  }

  static __device__ void weigh(const SelectHead& head, const QueryShared& query, const float* weight, int column,
                               float* sums) {
    const int lane = static_cast<int>(threadIdx.x) % kWarp, warp = static_cast<int>(threadIdx.x) / kWarp;
    const int own = column + lane * kPages, per_warp = (query.n_rows + kSelectWarps - 1) / kSelectWarps;
    const bool live = own < head.pages.first + head.pages.n;
    const int end = min((warp + 1) * per_warp, query.n_rows);
    const T* bounds = static_cast<const T*>(head.bounds) + own;
    float sum[kHeads][kPages] = {};
    for (int row = warp * per_warp; row < end; row += kAhead) {
      uint4 loaded[kAhead];
#pragma unroll
      for (int j = 0; j < kAhead; j++) {
        loaded[j] = make_uint4(0, 0, 0, 0);
        if (live && row + j < end)
          loaded[j] = load_stream(reinterpret_cast<const uint4*>(bounds + int64_t{query.row[row + j]} * head.pitch));
      }
#pragma unroll
      for (int j = 0; j < kAhead; j++) {
        if (row + j >= end) continue;
        float bound[kPages];
        KvPiece<T>::unpack(loaded[j], bound);
#pragma unroll
        for (int h = 0; h < kHeads; h++) {
          const float w = weight[(row + j) * kHeads + h];
#pragma unroll
          for (int i = 0; i < kPages; i++) sum[h][i] = fmaf(w, bound[i], sum[h][i]);
        }
      }
    }
#pragma unroll
    for (int h = 0; h < kHeads; h++) {
#pragma unroll
      for (int i = 0; i < kPages; i += 4)
        *reinterpret_cast<float4*>(sums + (warp * kHeads + h) * kSlice + lane * kPages + i) =
            make_float4(sum[h][i], sum[h][i + 1], sum[h][i + 2], sum[h][i + 3]);
    }
  }
};

/// Tokens by their keys: the oracle. A warp per token, 32 tokens each.
template <class Rows, int kHeads>
struct TokenScorer {
  static constexpr int kSlice = kSelectThreads;
  static constexpr int kParts = kSlice / kWarp;

  static int slices(const PageRange& tokens) { return (tokens.n + kSlice - 1) / kSlice; }
  static constexpr size_t shared_bytes(int d) { return sizeof(float) * static_cast<size_t>(d) * kHeads; }

  /// @param memory  Shared: queries [kHeads, d].
  static __device__ void score(const SelectHead& head, int d, int slice, QueryShared& query, float* memory) {
    const int group = head.group;
    const float scale = 1.0f / sqrtf(static_cast<float>(d));
    if (threadIdx.x < group) query.scale[threadIdx.x] = scale;
    const int lane = static_cast<int>(threadIdx.x) % kWarp, warp = static_cast<int>(threadIdx.x) / kWarp;
    const int from = slice * kSlice + warp * kWarp, n = min(kWarp, head.pages.n - from);
    for (int g = 0; g < group; g += kHeads) {
      for (int i = threadIdx.x; i < kHeads * d; i += kSelectThreads)
        memory[i] = g + i / d < group ? head.q[g * d + i] : 0.0f;
      __syncthreads();
      float own[kHeads] = {};
      for (int t = 0; t < n; t++) {
        float sum[kHeads] = {};
        multiply(head.cache, head.cache.slot_of(head.pages.begin + from + t), d, memory, sum);
#pragma unroll
        for (int h = 0; h < kHeads; h++) {
          const float score = warp_sum(sum[h]);
          if (lane == t) own[h] = score;
        }
      }
#pragma unroll
      for (int h = 0; h < kHeads; h++)
        if (g + h < group) put_score(head, g + h, slice * kParts + warp, from + lane, own[h], scale);
      __syncthreads();
    }
  }

 private:
  /// This lane's part of q . k.
  static __device__ void multiply(const CacheView& cache, int slot, int d, const float* q, float (&sum)[kHeads]) {
    const LaneDims k(Rows::k(*cache.find_run(slot), slot, d), d);
    if (LaneDims::first() >= d) return;
#pragma unroll
    for (int h = 0; h < kHeads; h++) {
#pragma unroll
      for (int i = 0; i < kRowStep; i++) sum[h] = fmaf(q[h * d + LaneDims::first() + i], k.x[i], sum[h]);
    }
  }
};

}  // namespace rkv::gpu
