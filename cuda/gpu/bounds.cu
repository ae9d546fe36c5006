// Page bounds over a whole cache: element-wise min and max of every page of consecutive candidates.
//
//   cache   keys [slots, d] of the KV dtype or as codes, in runs, perhaps through an index list
//   bounds  [2 (min, max), d, pitch] of the KV dtype  out: the pages that hold candidates [from, candidates)
//
// Keys are read along their dims, bounds are written along their pages: a block turns kPages pages round in shared
// memory, so that both sides are coalesced. Bounds are elements of keys: only those of codes are rounded.
//
// Launch: grid (ceil(most pages of a head / kPages), heads), block kThreads; a thread takes kRowStep dims of one page
// at a time. Reads every key once. CPU reference: cpu/bounds.cpp, the same bits.
#include <algorithm>

#include "gpu/kernels.h"
#include "gpu/kv_row.cuh"

namespace rkv::gpu {
namespace {

constexpr int kThreads = 256;
constexpr int kPages = 32;              // a row of bf16 bounds of them is two sectors
constexpr int kPagePitch = kPages + 2;  // keeps pairs of bf16 aligned and the rows of a page in different banks

struct BoundsHead {
  CacheView cache;
  void* bounds;
  int pitch, page_size;
  int first, end;  // pages
};

struct BoundsParams {
  const BoundsHead* heads;
  int d;
};

/// Extremes of the dims [at, at + kRowStep) of the keys [from, to).
template <class Rows>
__device__ void page_extremes(const CacheView& cache, int from, int to, int d, int at, float (&low)[kRowStep],
                              float (&high)[kRowStep]) {
  const SlotRun* run = nullptr;
  for (int c = from; c < to; c++) {
    const int slot = cache.slot_of(c);
    if (run == nullptr) run = cache.find_run(slot);
    while (slot >= run->end) run++;
    float key[kRowStep];
    Rows::k(*run, slot, d).load(at, key);
#pragma unroll
    for (int i = 0; i < kRowStep; i++) {
      low[i] = c == from || key[i] <= low[i] ? key[i] : low[i];
      high[i] = c == from || key[i] >= high[i] ? key[i] : high[i];
    }
  }
}

template <class Rows>
__global__ void build_bounds_kernel(const BoundsParams* params) {
  using T = typename Rows::Element;
  RKV_DYNAMIC_SHARED(shared);
  T* turned = reinterpret_cast<T*>(shared);  // [2, d, kPagePitch]
  const int d = params->d;
  const BoundsHead& head = params->heads[blockIdx.y];
  const int first = head.first + static_cast<int>(blockIdx.x) * kPages;
  const int n = min(head.end - first, kPages);
  if (n <= 0) return;

  const int steps = d / kRowStep, candidates = head.cache.candidates();
  for (int i = threadIdx.x; i < n * steps; i += kThreads) {
    const int page = i / steps, at = (i - page * steps) * kRowStep;
    const int from = (first + page) * head.page_size;
    float low[kRowStep], high[kRowStep];
    page_extremes<Rows>(head.cache, from, from + min(head.page_size, candidates - from), d, at, low, high);
#pragma unroll
    for (int e = 0; e < kRowStep; e++) {
      turned[(at + e) * kPagePitch + page] = T(low[e]);
      turned[(d + at + e) * kPagePitch + page] = T(high[e]);
    }
  }
  __syncthreads();
  T* bounds = static_cast<T*>(head.bounds) + first;
  for (int i = threadIdx.x; i < 2 * d * kPages; i += kThreads) {
    const int row = i / kPages, page = i % kPages;
    if (page < n) bounds[int64_t{row} * head.pitch + page] = turned[row * kPagePitch + page];
  }
}

}  // namespace

void build_bounds(Launcher& launcher, std::span<const PageWork> work, int d) {
  const std::vector<CacheView> caches = view_caches(launcher, work, &PageWork::cache);
  std::vector<BoundsHead> heads;
  int most = 0;  // pages of any head
  for (size_t h = 0; h < work.size(); h++) {
    const Bounds& bounds = work[h].bounds;
    const int candidates = work[h].cache.candidates();
    if (work[h].from >= candidates) continue;
    heads.push_back({caches[h], bounds.data, bounds.pitch, bounds.page_size, work[h].from / bounds.page_size,
                     (candidates - 1) / bounds.page_size + 1});
    most = std::max(most, heads.back().end - heads.back().first);
  }
  if (heads.empty()) return;
  const BoundsParams params{launcher.stage(std::span<const BoundsHead>(heads)), d};
  const dim3 grid((most + kPages - 1) / kPages, static_cast<unsigned>(heads.size()));
  with_rows(work[0].kv, work, &PageWork::cache, [&](auto rows) {
    using Rows = decltype(rows);
    const size_t shared = 2 * static_cast<size_t>(d) * kPagePitch * sizeof(typename Rows::Element);
    launcher.run(build_bounds_kernel<Rows>, grid, kThreads, shared, params);
  });
}

}  // namespace rkv::gpu
