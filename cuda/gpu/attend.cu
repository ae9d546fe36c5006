// Exact attention of a decode step: one query per head over all cached rows, or over selected ones where they lie.
//
//   q    [group, d]  f32  after RoPE, per KV head
//   K, V rows [d] of the KV dtype, or codes, in runs; chosen by slot lists, read once for the whole group, never
//   gathered out  [group, d]  f32
//
// Memory-bound, so everything serves the loads (attend.cuh): 16 bytes per lane, several tiles in flight. A list is cut
// into splits that are merged by the block that finishes last, in the order of the splits: results are the same bits
// in every run and for any other sessions in the call. Sinks that meet a query of their own (shifted positions) are a
// split of their own. The number of splits follows the length in powers of two, so
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
__global__ void __launch_bounds__(kAttendThreads, Shape::kLeastBlocks) attend_kernel(const AttendParams* params) {
  RKV_DYNAMIC_SHARED(shared);
  RKV_SHARED(bool, last, [1]);
  const AttendParams& p = *params;
  const AttendList& list = p.lists[blockIdx.x];
  const int split = static_cast<int>(blockIdx.y), warp = static_cast<int>(threadIdx.x) / kWarp;
  if (split >= list.splits) return;
  const int n = list.n_written != nullptr ? *list.n_written : list.n;
  // The split before the others has what meets q_sinks.
  const int sinks = list.sinks_of(n), ahead = list.q_sinks != nullptr ? 1 : 0, most = list.splits - ahead;
  constexpr int kRound = kAttendWarps * Shape::kWarpRows;
  const int per_split = ((n - sinks + most - 1) / most + kRound - 1) / kRound * kRound;
  const int splits = max(ahead + (n > sinks ? (n - sinks + per_split - 1) / per_split : 0), 1);
  if (split >= splits) return;

  uint4* stages = reinterpret_cast<uint4*>(shared) + warp * Shape::kStages * Shape::kStagePieces;
  const bool meets_sinks = split < ahead;
  WarpAttention<Shape> attention(meets_sinks ? list.q_sinks : list.q, list.heads, p.d, p.scale, stages);
  const int begin = meets_sinks ? 0 : sinks + (split - ahead) * per_split;
  const int end = meets_sinks ? sinks : min(begin + per_split, n);
  attention.run(list.cache, {list.slots, list.from + begin, list.from + end}, warp);

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

template <class Rows, int kLanes, int kPieces>
void launch_shape(Launcher& launcher, Scratch& scratch, std::vector<AttendList>& lists, int heads, int d) {
  switch (heads) {
    case 1:
      return launch_lists<AttendShape<Rows, kLanes, kPieces, 1>>(launcher, scratch, lists, d);
    case 2:
      return launch_lists<AttendShape<Rows, kLanes, kPieces, 2>>(launcher, scratch, lists, d);
    case 4:
      return launch_lists<AttendShape<Rows, kLanes, kPieces, 4>>(launcher, scratch, lists, d);
    default:
      return launch_lists<AttendShape<Rows, kLanes, kPieces, 8>>(launcher, scratch, lists, d);
  }
}

template <class Rows>
void launch_heads(Launcher& launcher, Scratch& scratch, std::vector<AttendList>& lists, int heads, int d) {
  if constexpr (std::is_same_v<typename Rows::Element, float>) {
    if (d <= 64) return launch_shape<Rows, 16, 1>(launcher, scratch, lists, heads, d);
    if (d <= 128) return launch_shape<Rows, 32, 1>(launcher, scratch, lists, heads, d);
    return launch_shape<Rows, 32, 2>(launcher, scratch, lists, heads, d);
  } else {
    if (d <= 64) return launch_shape<Rows, 8, 1>(launcher, scratch, lists, heads, d);
    if (d <= 128) return launch_shape<Rows, 16, 1>(launcher, scratch, lists, heads, d);
    return launch_shape<Rows, 32, 1>(launcher, scratch, lists, heads, d);
  }
}

/// One kernel, but where lists differ in how many query heads share them: each list has the kernel that it would have
/// alone.
template <class Rows>
void launch(Launcher& launcher, Scratch& scratch, const std::vector<AttendList>& lists, int d) {
  for (int padded = 1; padded <= kMostHeads; padded *= 2) {
    std::vector<AttendList> same;
    std::copy_if(lists.begin(), lists.end(), std::back_inserter(same),
                 [&](const AttendList& list) { return padded_heads(list.heads) == padded; });
    if (!same.empty()) launch_heads<Rows>(launcher, scratch, same, padded, d);
  }
}

int n_lists(const DecodeHead& head, int group) {
  return head.select && head.plan->rank == RKV_RANK_PER_HEAD ? group : 1;
}

/// Lists of one head: one per kMostHeads query heads that share their slots.
void list_head(const DecodeHead& head, const CacheView& cache, int group, int d, std::vector<AttendList>* lists) {
  const int live = head.cache.candidates() - head.first, own = n_lists(head, group);
  const int shared = group / own;  // query heads per selection
  for (int g = 0; g < group; g += std::min(shared, kMostHeads)) {
    AttendList list = {};
    list.cache = cache, list.q = head.q + g * d, list.out = head.out + g * d;
    list.slots = head.cache.index, list.from = head.first, list.n = live;
    list.heads = std::min(shared - g % shared, kMostHeads);
    if (head.q_sinks != nullptr && head.n_sinks > 0) list.q_sinks = head.q_sinks + g * d, list.n_sinks = head.n_sinks;
    if (mixes_mean(head)) list.mass = head.mass + g, list.value_sum = head.value_sum;
    if (head.select) {
      const int selection = own == 1 ? 0 : g;
      list.slots = head.selected + int64_t{selection} * head.plan->top_k;
      list.n_written = head.n_selected + selection;
      list.from = 0, list.n = std::min(head.plan->top_k, live);
    }
    list.splits = splits_for(list.n) + (list.q_sinks != nullptr ? 1 : 0);
    lists->push_back(list);
  }
}

}  // namespace

void attend(Launcher& launcher, Scratch& scratch, std::span<DecodeHead> heads, int group, int d, DType kv) {
  const std::vector<CacheView> caches = view_caches(launcher, std::span<const DecodeHead>(heads), &DecodeHead::cache);
  std::vector<AttendList> plain, coded;
  for (size_t i = 0; i < heads.size(); i++)
    list_head(heads[i], caches[i], group, d, has_codes(heads[i].cache) ? &coded : &plain);
  if (kv == RKV_F32) {
    launch<KvRows<float, false>>(launcher, scratch, plain, d);
    launch<KvRows<float, true>>(launcher, scratch, coded, d);
  } else {
    launch<KvRows<bf16, false>>(launcher, scratch, plain, d);
    launch<KvRows<bf16, true>>(launcher, scratch, coded, d);
  }
  for (DecodeHead& head : heads) count_attended(launcher, head, group, d, kv);
}

}  // namespace rkv::gpu
