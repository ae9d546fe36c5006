// Exact attention of a decode step: one query per head over all cached rows, or over selected ones where they lie.
//
//   q    [group, d]  f32  after RoPE, per KV head
//   K, V rows [d] of the KV dtype, in runs; chosen by slot lists, read once for the whole group, never gathered
//   out  [group, d]  f32
//
// Memory-bound, so everything serves the loads (attend.cuh): 16 bytes per lane, several tiles in flight. A list is cut
// into splits that are merged by the block that finishes last, in the order of the splits: results are the same bits
// in every run and for any other sessions in the call. The number of splits follows the length in powers of two, so
// that launches repeat from step to step; their size follows it exactly, so that they stay balanced. Scores, weights
// and sums are f32, in base 2.
//
// Launch: grid (lists, most splits of a list), block 128; 48 KB of shared memory hold the rows in flight.
// Reads 2 * row_bytes per attended token of a KV head. CPU reference: cpu/attend.cpp, other order of sums.
#include "gpu/attend_merge.cuh"

#include <algorithm>
#include <bit>
#include <cmath>

#include "gpu/kernels.h"

namespace rkv::gpu {
namespace {

constexpr int kLeastSplit = 64;   // tokens: two tiles per warp, so that loads overlap
constexpr int kManySplits = 64;   // enough to fill a device with the 8 KV heads of one sequence
constexpr int kMostSplit = 2048;  // tokens, where there are too many for kManySplits

struct AttendParams {
  const AttendList* lists;
  float* partial;    // Parts of all splits
  unsigned* ticket;  // [lists], 0: splits that are done
  int d;
  float scale;  // log2(e) / sqrt(d)
};

int splits_for(int n) {
  const int bucket = static_cast<int>(std::bit_ceil(static_cast<unsigned>(std::max(n, 1))));
  return std::max({1, std::min(bucket / kLeastSplit, kManySplits), bucket / kMostSplit});
}

template <class Shape>
__global__ void __launch_bounds__(kAttendThreads) attend_kernel(const AttendParams* params) {
  RKV_DYNAMIC_SHARED(shared);
  RKV_SHARED(bool, last, [1]);
  const AttendParams& p = *params;
  const AttendList& list = p.lists[blockIdx.x];
  const int split = static_cast<int>(blockIdx.y), warp = static_cast<int>(threadIdx.x) / kWarp;
  if (split >= list.splits) return;
  const int n = list.n_written != nullptr ? *list.n_written : list.n;
  constexpr int kRound = kAttendWarps * Shape::kWarpRows;
  const int per_split = ((n + list.splits - 1) / list.splits + kRound - 1) / kRound * kRound;
  const int splits = n > 0 ? (n + per_split - 1) / per_split : 1;
  if (split >= splits) return;

  uint4* stages = reinterpret_cast<uint4*>(shared) + warp * Shape::kStages * Shape::kStagePieces;
  WarpAttention<Shape> attention(list.q, list.heads, p.d, p.scale, stages);
  const int begin = list.from + split * per_split, end = list.from + min((split + 1) * per_split, n);
  attention.run(list.cache, {list.slots, begin, end}, warp);

  using Results = Parts<Shape>;
  float* results = reinterpret_cast<float*>(shared);
  __syncthreads();  // rows have been used up
  float* own = results + warp * Results::kSize;
  attention.write(own, own + Shape::kHeads * Shape::kRow, own + Shape::kHeads * (Shape::kRow + 1));
  __syncthreads();
  float* partials = p.partial + int64_t{list.first_part} * Results::kSize;
  merge_warps<Shape>({results}, list, p.d, splits == 1 ? nullptr : partials + split * Results::kSize);
  if (splits == 1) return;

  __threadfence();
  __syncthreads();
  if (threadIdx.x == 0) last[0] = atomicAdd(p.ticket + blockIdx.x, 1u) == static_cast<unsigned>(splits - 1);
  __syncthreads();
  if (!last[0]) return;
  __threadfence();
  merge_splits<Shape>({partials}, splits, list, p.d, results);
}

template <class Shape>
void launch_lists(Launcher& launcher, Scratch& scratch, std::vector<AttendList>& lists, int d) {
  int splits = 1, parts = 0;
  for (AttendList& list : lists) {
    splits = std::max(splits, list.splits);
    list.first_part = parts;
    parts += list.splits;
  }
  // What is staged is written anew before every run: so are the tickets.
  const std::vector<unsigned> tickets(lists.size());
  AttendParams params = {};
  params.lists = launcher.stage(std::span<const AttendList>(lists));
  params.partial = scratch.get<float>(static_cast<size_t>(parts) * Parts<Shape>::kSize);
  params.ticket = const_cast<unsigned*>(launcher.stage(std::span<const unsigned>(tickets)));
  params.d = d;
  params.scale = static_cast<float>(M_LOG2E / std::sqrt(static_cast<double>(d)));
  const size_t weights = sizeof(float) * Shape::kHeads * static_cast<size_t>(splits);
  const dim3 grid(static_cast<unsigned>(lists.size()), static_cast<unsigned>(splits));
  launcher.run(attend_kernel<Shape>, grid, kAttendThreads, std::max(Shape::kSharedBytes, weights), params);
}

template <class T, int kLanes, int kPieces>
void launch_shape(Launcher& launcher, Scratch& scratch, std::vector<AttendList>& lists, int heads, int d) {
  switch (heads) {
    case 1:
      return launch_lists<AttendShape<T, kLanes, kPieces, 1>>(launcher, scratch, lists, d);
    case 2:
      return launch_lists<AttendShape<T, kLanes, kPieces, 2>>(launcher, scratch, lists, d);
    case 4:
      return launch_lists<AttendShape<T, kLanes, kPieces, 4>>(launcher, scratch, lists, d);
    default:
      return launch_lists<AttendShape<T, kLanes, kPieces, 8>>(launcher, scratch, lists, d);
  }
}

void launch(Launcher& launcher, Scratch& scratch, std::vector<AttendList>& lists, int heads, int d, DType kv) {
  if (kv == RKV_F32) {
    if (d <= 64) return launch_shape<float, 16, 1>(launcher, scratch, lists, heads, d);
    if (d <= 128) return launch_shape<float, 32, 1>(launcher, scratch, lists, heads, d);
    return launch_shape<float, 32, 2>(launcher, scratch, lists, heads, d);
  }
  if (d <= 64) return launch_shape<bf16, 8, 1>(launcher, scratch, lists, heads, d);
  if (d <= 128) return launch_shape<bf16, 16, 1>(launcher, scratch, lists, heads, d);
  return launch_shape<bf16, 32, 1>(launcher, scratch, lists, heads, d);
}

int n_lists(const DecodeHead& head, int group) {
  return head.select && head.plan->rank == RKV_RANK_PER_HEAD ? group : 1;
}

/// Lists of one head: one per kMostHeads query heads that share their slots.
void list_head(const DecodeHead& head, const CacheView& cache, int group, int d, std::vector<AttendList>* lists) {
  const int live = head.cache.candidates() - head.first, own = n_lists(head, group);
  const int shared = group / own;  // query heads per selection
  for (int g = 0; g < group; g += std::min(shared, kMostHeads)) {
    AttendList list = {cache, head.q + g * d, head.out + g * d, head.cache.index, nullptr, head.first, live, 0, 0, 0};
    list.heads = std::min(shared - g % shared, kMostHeads);
    if (head.select) {
      const int selection = own == 1 ? 0 : g;
      list.slots = head.selected + int64_t{selection} * head.plan->top_k;
      list.n_written = head.n_selected + selection;
      list.from = 0, list.n = std::min(head.plan->top_k, live);
    }
    list.splits = splits_for(list.n);
    lists->push_back(list);
  }
}

template <class T>
std::vector<T> download(Launcher& launcher, const T* from, size_t count) {
  std::vector<T> values(count);
  launcher.wait();
  check(cudaMemcpy(values.data(), from, count * sizeof(T), cudaMemcpyDeviceToHost), "read what was selected");
  return values;
}

/// Distinct tokens that a head attends to. Known beforehand, but for lists that must be looked at: waits for those.
int64_t count_tokens(Launcher& launcher, const DecodeHead& head, int group) {
  const int live = head.cache.candidates() - head.first;
  if (!head.select || live <= head.plan->top_k) return live;
  const int own = n_lists(head, group), top_k = head.plan->top_k;
  if (own == 1 && head.plan->whole_pages == 0) return top_k;
  const std::vector<int32_t> counts = download(launcher, head.n_selected, static_cast<size_t>(own));
  if (own == 1) return counts[0];
  const std::vector<int32_t> lists = download(launcher, head.selected, static_cast<size_t>(own) * top_k);
  std::vector<int32_t> slots;
  for (int g = 0; g < own; g++) slots.insert(slots.end(), &lists[g * top_k], &lists[g * top_k] + counts[g]);
  std::sort(slots.begin(), slots.end());
  return std::unique(slots.begin(), slots.end()) - slots.begin();
}

}  // namespace

void attend(Launcher& launcher, Scratch& scratch, std::span<DecodeHead> heads, int group, int d, DType kv) {
  const std::vector<CacheView> caches = view_caches(launcher, std::span<const DecodeHead>(heads), &DecodeHead::cache);
  std::vector<AttendList> lists;
  for (size_t i = 0; i < heads.size(); i++) list_head(heads[i], caches[i], group, d, &lists);
  // One kernel, but where plans differ in how many query heads share a selection: each list has the kernel that it
  // would have alone.
  for (int padded = 1; padded <= kMostHeads; padded *= 2) {
    std::vector<AttendList> same;
    std::copy_if(lists.begin(), lists.end(), std::back_inserter(same),
                 [&](const AttendList& list) { return padded_heads(list.heads) == padded; });
    if (!same.empty()) launch(launcher, scratch, same, padded, d, kv);
  }
  for (DecodeHead& head : heads) {
    head.tokens_attended = count_tokens(launcher, head, group);
    head.attend_read_bytes = head.tokens_attended * 2 * row_bytes(kv, d);
  }
}

}  // namespace rkv::gpu
