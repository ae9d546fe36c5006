#include "cpu/bounds.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "cpu/attend_rows.h"
#include "cpu/bounds_kernels.h"
#include "cpu/kernel_set.h"

namespace rkv::cpu {

namespace avx2 {
extern const BoundsKernels bounds_f32, bounds_bf16;
}
namespace avx512 {
extern const BoundsKernels bounds_f32, bounds_bf16;
}
namespace avx512bf16 {
extern const BoundsKernels bounds_f32, bounds_bf16;
}

const BoundsKernels& bounds_kernels(CpuLevel level, DType kv) {
  return kv == RKV_F32 ? for_level(level, avx2::bounds_f32, avx512::bounds_f32, avx512bf16::bounds_f32)
                       : for_level(level, avx2::bounds_bf16, avx512::bounds_bf16, avx512bf16::bounds_bf16);
}

namespace {

constexpr int kPages = 32;                    // pages per task: a dim's bounds of them are a cache line of bf16
constexpr int64_t kParallelElements = 32768;  // less is done before another thread is awake, as after every decode step

/// Bounds are elements of keys, so that bf16 is a cut of their f32.
inline void put(float x, float* to) { *to = x; }
inline void put(float x, uint16_t* to) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  *to = static_cast<uint16_t>(bits >> 16);
}

/// Write extremes [n, 2, d] of pages [page, page + n) into the dim-major planes.
template <class T>
void put_pages(const float* extremes, int n, int d, const Bounds& bounds, int page) {
  for (int row = 0; row < 2 * d; row++) {
    T* to = static_cast<T*>(bounds.data) + static_cast<size_t>(row) * bounds.pitch + page;
    for (int i = 0; i < n; i++) put(extremes[static_cast<size_t>(i) * 2 * d + row], to + i);
  }
}

void build_pages(const BoundsKernels& kernels, const HeadCache& cache, const Bounds& bounds, int page, int n, int d,
                 DType kv) {
  std::vector<float> extremes(static_cast<size_t>(n) * 2 * d);
  std::vector<const void*> k(std::min(bounds.page_size, cache.candidates()) + kRowPadding);
  for (int i = 0; i < n; i++) {
    const int from = (page + i) * bounds.page_size;
    const int keys = std::min(bounds.page_size, cache.candidates() - from);
    locate_rows(cache, cache.index, from, keys, d, kv, k.data(), nullptr);
    float* low = &extremes[static_cast<size_t>(i) * 2 * d];
    kernels.extremes(k.data(), keys, d, low, low + d);
  }
  if (kv == RKV_F32)
    put_pages<float>(extremes.data(), n, d, bounds, page);
  else
    put_pages<uint16_t>(extremes.data(), n, d, bounds, page);
}

}  // namespace

void build_bounds(ThreadPool& pool, CpuLevel level, std::span<const PageWork> work, int d) {
  struct Task {
    int head, page, n;
  };
  std::vector<Task> tasks;
  int64_t elements = 0;  // of keys that are read
  for (int h = 0; h < static_cast<int>(work.size()); h++) {
    const int candidates = work[h].cache.candidates(), page_size = work[h].bounds.page_size, from = work[h].from;
    if (from >= candidates) continue;
    const int end = (candidates - 1) / page_size + 1;
    for (int page = from / page_size; page < end; page += kPages)
      tasks.push_back({h, page, std::min(kPages, end - page)});
    elements += int64_t{candidates - from / page_size * page_size} * d;
  }
  const auto build = [&](int task, int) {
    const auto [head, page, n] = tasks[task];
    const PageWork& w = work[head];
    build_pages(bounds_kernels(level, w.kv), w.cache, w.bounds, page, n, d, w.kv);
  };
  const int n_tasks = static_cast<int>(tasks.size());
  if (elements >= kParallelElements)
    pool.run(n_tasks, build);
  else
    for (int task = 0; task < n_tasks; task++) build(task, 0);
}

}  // namespace rkv::cpu
