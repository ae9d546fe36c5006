// Between the projections and attention: RoPE of q and k, K and V into the cache, the page bounds of new tokens.
//
//   q  [n, n_heads, d], k  [n, n_kv_heads, d]  f32  rotated in place
//   table  [n, pairs, 2]                       f32  cos, sin
//   rows of k and v                                 to the KV dtype (nearest, ties to even), with position and slot
//   bounds [2 (min, max), d, pitch]                 of the page of a decode step's new token, rebuilt whole
//
// One kernel, because in a decode step each part takes less time than a launch. The block of a (token, KV head) writes
// the key that the bounds need, so nobody waits for another block. What does not fit that (a page that several new
// tokens share, a cache whose pages are all new) is left to build_bounds.cu, in a launch behind it.
//
// Launch: grid (n, n_kv_heads), block 256. Reads and writes each element once, and the keys of one page per KV head.
// CPU reference: cpu/vector.cpp, cpu/append.cpp, cpu/bounds.cpp; the same values but for the last bit of a rotation.
#include <algorithm>
#include <optional>
#include <unordered_map>

#include "gpu/kernels.h"
#include "gpu/kv_row.cuh"

namespace rkv::gpu {
namespace {

constexpr int kThreads = 256;
constexpr int kExtremes = 2 * kThreads * KvPiece<bf16>::kSize;  // floats: min and max of 16 bytes per thread

/// Where the tokens [begin, begin + rows.n) of a KV head go. The tasks of all KV heads of a session are neighbours.
struct AppendTask {
  Append rows;
  int32_t begin;
  int32_t page;  // of the pages, or -1: no page to be rebuilt
};

/// The page of a KV head's last candidate.
struct PageTask {
  CacheView cache;
  void* bounds;
  int32_t pitch, page_size;
};

struct RotateParams {
  RotateShape shape;
  float *q, *k;
  const float* table;
  const AppendTask* tasks;
  const PageTask* pages;
  int n_tasks;
};

/// RoPE of rows [heads, d] by the whole block, rounded as in the CPU's vector kernels.
__device__ void rotate_rows(float* x, int heads, const RotateShape& shape, const float* table) {
  const int apart = shape.interleaved ? 1 : shape.pairs, step = shape.interleaved ? 2 : 1;
  for (int i = threadIdx.x; i < heads * shape.pairs; i += kThreads) {
    const int head = i / shape.pairs, pair = i - head * shape.pairs;
    float* p = x + head * shape.d + pair * step;
    const float2 t = reinterpret_cast<const float2*>(table)[pair];
    const float a = p[0], b = p[apart];
    if (shape.interleaved) {
      p[0] = fmaf(a, t.x, -__fmul_rn(b, t.y));
      p[apart] = fmaf(b, t.x, __fmul_rn(a, t.y));
    } else {
      p[0] = __fadd_rn(__fmul_rn(a, t.x), -__fmul_rn(b, t.y));
      p[apart] = fmaf(a, t.y, __fmul_rn(b, t.x));
    }
  }
}

__device__ const AppendTask& find_task(const RotateParams& p, int token, int head) {
  const int heads = p.shape.n_kv_heads;
  int low = 0, high = p.n_tasks / heads - 1;  // of the sessions
  while (low < high) {
    const int middle = (low + high + 1) / 2;
    if (p.tasks[middle * heads].begin <= token)
      low = middle;
    else
      high = middle - 1;
  }
  return p.tasks[low * heads + head];
}

/// Extremes of the page's keys, by the whole block: threads share keys out in rounds, 16 bytes each.
/// @param extremes  Shared, [kExtremes].
template <class T>
__device__ void rebuild_page(const PageTask& task, int d, float* extremes) {
  float *low = extremes, *high = extremes + kExtremes / 2;
  const int candidates = task.cache.candidates(), page = (candidates - 1) / task.page_size;
  const int from = page * task.page_size, pieces = d / KvPiece<T>::kSize;
  const int lanes = min(kThreads / pieces, candidates - from);  // keys at a time
  const int lane = static_cast<int>(threadIdx.x) / pieces, piece = static_cast<int>(threadIdx.x) % pieces;
  if (lane < lanes) {
    float least[KvPiece<T>::kSize], most[KvPiece<T>::kSize];
    for (int c = from + lane; c < candidates; c += lanes) {
      const int slot = task.cache.slot_of(c);
      const SlotRun* run = task.cache.find_run(slot);
      float key[KvPiece<T>::kSize];
      KvPiece<T>::unpack(reinterpret_cast<const uint4*>(run->k)[int64_t{slot - run->begin} * pieces + piece], key);
#pragma unroll
      for (int i = 0; i < KvPiece<T>::kSize; i++) {
        least[i] = c == from + lane ? key[i] : fminf(least[i], key[i]);
        most[i] = c == from + lane ? key[i] : fmaxf(most[i], key[i]);
      }
    }
#pragma unroll
    for (int i = 0; i < KvPiece<T>::kSize; i++) {
      low[lane * d + piece * KvPiece<T>::kSize + i] = least[i];
      high[lane * d + piece * KvPiece<T>::kSize + i] = most[i];
    }
  }
  __syncthreads();
  T* bounds = static_cast<T*>(task.bounds) + page;
  for (int i = threadIdx.x; i < d; i += kThreads) {
    float least = low[i], most = high[i];
    for (int l = 1; l < lanes; l++) {
      least = fminf(least, low[l * d + i]);
      most = fmaxf(most, high[l * d + i]);
    }
    bounds[int64_t{i} * task.pitch] = T(least);
    bounds[(int64_t{d} + i) * task.pitch] = T(most);
  }
}

template <class T>
__device__ void store_token(const RotateParams& p, const AppendTask& task, int token, float* extremes) {
  const Append& rows = task.rows;
  const int d = p.shape.d, at = token - task.begin;
  const int64_t from = int64_t{at} * p.shape.n_kv_heads * d, to = int64_t{at} * d;
  T* k = static_cast<T*>(rows.k_out) + to;
  T* v = static_cast<T*>(rows.v_out) + to;
  for (int i = threadIdx.x; i < d; i += kThreads) {
    k[i] = T(rows.k[from + i]);
    v[i] = T(rows.v[from + i]);
    if (rows.value_sum != nullptr) rows.value_sum[i] += rows.v[from + i];
  }
  if (threadIdx.x == 0) {
    rows.position_out[at] = rows.first_position + at;
    for (int list = 0; rows.index_out != nullptr && list < rows.n_lists; list++)
      rows.index_out[int64_t{list} * rows.index_stride + at] = rows.first_slot + at;
  }
  if (task.page < 0) return;
  __syncthreads();  // the new key is in the cache
  rebuild_page<T>(p.pages[task.page], d, extremes);
}

__global__ void __launch_bounds__(kThreads) rotate_and_append_kernel(const RotateParams* params) {
  RKV_SHARED(float, extremes, [kExtremes]);
  const RotateParams& p = *params;
  const int token = static_cast<int>(blockIdx.x), head = static_cast<int>(blockIdx.y);
  const int d = p.shape.d, group = p.shape.n_heads / max(p.shape.n_kv_heads, 1);
  const float* table = p.table + int64_t{token} * p.shape.pairs * 2;
  rotate_rows(p.q + (int64_t{token} * p.shape.n_heads + head * group) * d, group, p.shape, table);
  if (p.shape.n_kv_heads > 0) rotate_rows(p.k + (int64_t{token} * p.shape.n_kv_heads + head) * d, 1, p.shape, table);
  if (p.n_tasks == 0) return;
  const AppendTask& task = find_task(p, token, head);
  if (token < task.begin || token >= task.begin + task.rows.n) return;
  __syncthreads();  // k is rotated
  if (task.rows.kv == RKV_F32)
    store_token<float>(p, task, token, extremes);
  else
    store_token<bf16>(p, task, token, extremes);
}

/// The last row of a cache's keys; NULL without one.
const uint8_t* last_key(const HeadCache& cache, size_t row) {
  for (int i = cache.n_runs - 1; i >= 0; i--) {
    const Run& run = cache.runs[i];
    if (run.n > 0) return static_cast<const uint8_t*>(run.k) + static_cast<size_t>(run.n - 1) * row;
  }
  return nullptr;
}

/// Finds the page that a single new token falls into, by the row that the token's key is written to.
class PageFinder {
 public:
  PageFinder(std::span<const PageWork> pages, int d) : taken_(pages.size()) {
    for (size_t i = 0; i < pages.size(); i++) {
      const PageWork& work = pages[i];
      if (work.from != work.cache.candidates() - 1) continue;  // more than one page, perhaps
      if (has_codes(work.cache)) continue;
      at_.emplace(last_key(work.cache, static_cast<size_t>(row_bytes(work.kv, d))), i);
    }
  }
  /// The page of an append, or none. It is done then, as far as this class knows.
  std::optional<size_t> take(const Append& append) {
    if (append.n != 1) return {};
    const auto entry = at_.find(static_cast<const uint8_t*>(append.k_out));
    if (entry == at_.end()) return {};
    taken_[entry->second] = true;
    return entry->second;
  }
  bool taken(size_t i) const { return taken_[i]; }

 private:
  std::unordered_map<const uint8_t*, size_t> at_;
  std::vector<bool> taken_;
};

}  // namespace

void rotate_and_append(Launcher& launcher, const RotateShape& shape, float* q, float* k, int n, const float* table,
                       std::span<const Append> appends, std::span<const PageWork> pages) {
  if (n == 0) return;
  const int64_t row = int64_t{shape.n_kv_heads} * shape.d;
  PageFinder finder(pages, shape.d);
  std::vector<AppendTask> tasks;
  std::vector<PageWork> here, rest;
  for (const Append& append : appends) {
    if (append.n == 0) continue;
    AppendTask task{append, static_cast<int32_t>((append.k - k) / row), -1};
    if (const std::optional<size_t> own = finder.take(append)) {
      task.page = static_cast<int32_t>(here.size());
      here.push_back(pages[*own]);
    }
    tasks.push_back(task);
  }
  std::stable_sort(tasks.begin(), tasks.end(),
                   [](const AppendTask& a, const AppendTask& b) { return a.begin < b.begin; });
  for (size_t i = 0; i < pages.size(); i++)
    if (!finder.taken(i)) rest.push_back(pages[i]);

  const std::vector<CacheView> caches = view_caches(launcher, std::span<const PageWork>(here), &PageWork::cache);
  std::vector<PageTask> page_tasks;
  for (size_t i = 0; i < here.size(); i++)
    page_tasks.push_back({caches[i], here[i].bounds.data, here[i].bounds.pitch, here[i].bounds.page_size});
  const RotateParams params{shape,
                            q,
                            k,
                            table,
                            launcher.stage(std::span<const AppendTask>(tasks)),
                            launcher.stage(std::span<const PageTask>(page_tasks)),
                            static_cast<int>(tasks.size())};
  const dim3 grid(static_cast<unsigned>(n), static_cast<unsigned>(std::max(shape.n_kv_heads, 1)));
  launcher.run(rotate_and_append_kernel, grid, kThreads, 0, params);
  if (!rest.empty()) build_bounds(launcher, rest, shape.d);
}

}  // namespace rkv::gpu
