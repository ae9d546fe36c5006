// Page bounds over a whole cache: element-wise min and max of every page of consecutive candidates.
//
//   cache   keys [slots, d] of the KV dtype, in runs, perhaps through an index list
//   bounds  [2 (min, max), d, pitch] of the KV dtype  out: the pages that hold candidates [from, candidates)
//
// Keys are read along their dims, bounds are written along their pages: a block turns kPages pages round in shared
// memory, so that both sides are coalesced. Bounds are elements of keys, so nothing is rounded.
//
// Launch: grid (ceil(most pages of a head / kPages), heads), block kThreads; a thread takes 16 bytes of the dims of one
// page at a time. Reads every key once. CPU reference: cpu/bounds.cpp, the same bits.
#include <algorithm>

#include "gpu/cache_view.cuh"
#include "gpu/kernels.h"

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

template <class T>
struct KeyVec {
  static constexpr int kSize = 16 / sizeof(T);
  alignas(16) T x[kSize];
};

/// Extremes of the elements [at, at + kSize) of the keys [from, to).
template <class T>
__device__ void page_extremes(const CacheView& cache, int from, int to, int d, int at, KeyVec<T>& low,
                              KeyVec<T>& high) {
  const SlotRun* run = nullptr;
  for (int c = from; c < to; c++) {
    const int slot = cache.slot_of(c);
    if (run == nullptr) run = cache.find_run(slot);
    while (slot >= run->end) run++;
    const T* row = reinterpret_cast<const T*>(run->k) + int64_t{slot - run->begin} * d + at;
    const KeyVec<T> key = *reinterpret_cast<const KeyVec<T>*>(row);
    if (c == from) {
      low = high = key;
      continue;
    }
#pragma unroll
    for (int i = 0; i < KeyVec<T>::kSize; i++) {
      low.x[i] = float(low.x[i]) < float(key.x[i]) ? low.x[i] : key.x[i];
      high.x[i] = float(high.x[i]) > float(key.x[i]) ? high.x[i] : key.x[i];
    }
  }
}

template <class T>
__global__ void build_bounds_kernel(const BoundsParams* params) {
  RKV_DYNAMIC_SHARED(shared);
  T* turned = reinterpret_cast<T*>(shared);  // [2, d, kPagePitch]
  const int d = params->d;
  const BoundsHead& head = params->heads[blockIdx.y];
  const int first = head.first + static_cast<int>(blockIdx.x) * kPages;
  const int n = min(head.end - first, kPages);
  if (n <= 0) return;

  const int vecs = d / KeyVec<T>::kSize, candidates = head.cache.candidates();
  for (int i = threadIdx.x; i < n * vecs; i += kThreads) {
    const int page = i / vecs, at = (i - page * vecs) * KeyVec<T>::kSize;
    const int from = (first + page) * head.page_size;
    KeyVec<T> low, high;
    page_extremes(head.cache, from, from + min(head.page_size, candidates - from), d, at, low, high);
#pragma unroll
    for (int e = 0; e < KeyVec<T>::kSize; e++) {
      turned[(at + e) * kPagePitch + page] = low.x[e];
      turned[(d + at + e) * kPagePitch + page] = high.x[e];
    }
  }
  __syncthreads();
  T* bounds = static_cast<T*>(head.bounds) + first;
  for (int i = threadIdx.x; i < 2 * d * kPages; i += kThreads) {
    const int row = i / kPages, page = i % kPages;
    if (page < n) bounds[int64_t{row} * head.pitch + page] = turned[row * kPagePitch + page];
  }
}

template <class T>
void launch_bounds(Launcher& launcher, int pages, int n_heads, const BoundsParams& params) {
  const dim3 grid((pages + kPages - 1) / kPages, n_heads);
  launcher.run(build_bounds_kernel<T>, grid, kThreads, 2 * params.d * kPagePitch * sizeof(T), params);
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
  const int n_heads = static_cast<int>(heads.size());
  if (work[0].kv == RKV_F32)
    launch_bounds<float>(launcher, most, n_heads, params);
  else
    launch_bounds<bf16>(launcher, most, n_heads, params);
}

}  // namespace rkv::gpu
