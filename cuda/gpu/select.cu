// Which cached tokens a decode step attends to: query dims, page scores, softmax over the group, the best pages.
//
//   q         [group, d]         f32  after RoPE, per KV head
//   bounds    [2, d, pitch]      KV dtype  page min, page max; rows start at 16 bytes (PAGES), or the keys (EXACT)
//   selected  [n_lists, top_k]   i32  out: slots, ascending
//   n_selected [n_lists]         i32  out
//   mass      [group]            f32  out, where asked for: the estimated softmax weight of what was chosen
//
// The critical path of a step: one short read per KV head with a search behind it. The pages are cut into slices of
// one block each (select_score.cuh), so that a head's bounds stream through several multiprocessors; the block that
// finishes last merges the softmax sums of the slices and chooses (select_choose.cuh) on keys in shared memory.
// Integer counters decide, so the choice is the same in every run: higher score first, then lower position.
//
// Launch: grid (heads, most slices of a head, to a power of two), block 256; a slice is 256 pages of bf16 bounds.
// Reads query_dims * n_pages elements per KV head (twice that with SIGN_HEAD), or every key (EXACT).
// CPU reference: cpu/select.cpp; the same lists, unless scores differ by less than their rounding.
#include <algorithm>
#include <bit>

#include "gpu/kernels.h"
#include "gpu/select_choose.cuh"
#include "gpu/select_score.cuh"

namespace rkv::gpu {
namespace {

constexpr int kSharedKeys = 16384;  // pages whose keys are kept in shared memory

struct SelectParams {
  const SelectHead* heads;
  unsigned* ticket;  // [heads], 0: slices that are done
  int d;
};

/// Everything fits: nothing is scored.
__device__ void select_all(const SelectHead& head) {
  const int n = head.pages.end - head.pages.begin;
  for (int list = 0; list < head.lists(); list++) {
    int32_t* to = head.selected + int64_t{list} * head.top_k;
    for (int i = threadIdx.x; i < n; i += kSelectThreads) to[i] = head.cache.slot_of(head.pages.begin + i);
    if (threadIdx.x == 0) head.n_selected[list] = n;
  }
  if (head.mass != nullptr && threadIdx.x < head.group) head.mass[threadIdx.x] = 1;
}

/// Whether this block is the last one of its head to be done with scoring; then it sees what the others have written.
__device__ bool is_last(unsigned* ticket, int blocks) {
  RKV_SHARED(bool, last, [1]);
  if (blocks == 1) {
    __syncthreads();
    return true;
  }
  __threadfence();
  __syncthreads();
  if (threadIdx.x == 0) last[0] = atomicAdd(ticket, 1u) == static_cast<unsigned>(blocks - 1);
  __syncthreads();
  if (last[0]) __threadfence();
  return last[0];
}

template <class Scorer>
__global__ void __launch_bounds__(kSelectThreads, 1) select_kernel(const SelectParams* params) {
  RKV_DYNAMIC_SHARED(memory);
  RKV_SHARED(QueryShared, query, [1]);
  RKV_SHARED(ChooseShared, shared, [1]);
  const SelectParams& p = *params;
  const SelectHead& head = p.heads[blockIdx.x];
  const int slice = static_cast<int>(blockIdx.y);
  if (head.slices == 0) {
    if (slice == 0) select_all(head);
    return;
  }
  if (slice >= head.slices) return;
  Scorer::score(head, p.d, slice, query[0], reinterpret_cast<float*>(memory));
  if (!is_last(p.ticket + blockIdx.x, head.slices)) return;

  uint32_t* keys = head.keys != nullptr ? head.keys : reinterpret_cast<uint32_t*>(memory);
  const int lists = head.lists(), heads = head.group / lists;  // heads that choose together
  if (head.weighs()) merge_parts(head, query[0].scale, shared[0]);
  for (int list = 0; list < lists; list++) {
    int32_t* to = head.selected + int64_t{list} * head.top_k;
    rank_pages(head, lists > 1 ? list : -1, query[0].scale, shared[0], keys);
    const int n = choose(head, keys, shared[0], to, head.n_selected + list);
    for (int g = list * heads; head.mass != nullptr && g < (list + 1) * heads; g++)
      put_mass(head, g, query[0].scale, to, n, shared[0]);
  }
}

/// Query heads [first, first + n) of a KV head; with PER_HEAD each has its list.
SelectHead select_head(const DecodeHead& head, const CacheView& cache, int first, int n, int d) {
  const rkv_plan& plan = *head.plan;
  const int candidates = head.cache.candidates(), list = plan.rank == RKV_RANK_PER_HEAD ? first : 0;
  SelectHead view = {};
  view.cache = cache;
  view.group = n;
  view.q = head.q + first * d, view.bounds = head.bounds.data, view.pitch = head.bounds.pitch;
  const int page_size = plan.select == RKV_SELECT_EXACT ? 1 : std::min(head.bounds.page_size, candidates);
  view.pages = PageRange::over(head.first, candidates, std::max(page_size, 1));
  view.query_dims = plan.query_dims, view.top_k = plan.top_k;
  view.rank = plan.rank, view.sign = plan.sign, view.whole_pages = plan.whole_pages;
  view.pin_sinks = plan.pin_sinks, view.pin_recent = plan.pin_recent;
  view.selected = head.selected + int64_t{list} * plan.top_k, view.n_selected = head.n_selected + list;
  if (head.mass != nullptr) view.mass = head.mass + first;
  view.slices = candidates - head.first <= plan.top_k ? 0 : 1;
  return view;
}

/// Heads by how they are scored; a session's kernel does not depend on what else is in the call.
struct ByKind {
  std::vector<SelectHead> pages, own_pages;  // own_pages: query heads that choose dims and pages for themselves
  std::vector<SelectHead> tokens, coded_tokens;

  void add(const DecodeHead& head, const CacheView& cache, int group, int d) {
    const rkv_plan& plan = *head.plan;
    if (plan.select == RKV_SELECT_EXACT) {
      (has_codes(head.cache) ? coded_tokens : tokens).push_back(select_head(head, cache, 0, group, d));
    } else if (plan.rank != RKV_RANK_PER_HEAD) {
      pages.push_back(select_head(head, cache, 0, group, d));
    } else {
      for (int g = 0; g < group; g++) {
        own_pages.push_back(select_head(head, cache, g, 1, d));
        own_pages.back().sign = RKV_SIGN_GROUP;  // it knows its sign: one plane has its upper bound
      }
    }
  }
};

int64_t score_bytes(Launcher& launcher, const DecodeHead& head, int group, int d, DType kv) {
  const rkv_plan& plan = *head.plan;
  const int candidates = head.cache.candidates(), live = candidates - head.first;
  if (live <= plan.top_k) return 0;
  if (plan.select == RKV_SELECT_EXACT)
    return stored_bytes(launcher, head.cache, head.cache.index, head.first, live, d, kv);
  const int pages = PageRange::over(head.first, candidates, std::min(head.bounds.page_size, candidates)).n;
  const int64_t plane = int64_t{plan.query_dims} * row_bytes(kv, pages);
  return plan.rank == RKV_RANK_PER_HEAD ? plane * group : plane * (plan.sign == RKV_SIGN_HEAD ? 2 : 1);
}

/// Heads of one kind of plan.
template <class Scorer>
void launch_heads(Launcher& launcher, Scratch& scratch, std::vector<SelectHead>& heads, int d) {
  const auto even = [](size_t words) { return (words + 1) / 2 * 2; };  // keeps pairs of floats aligned
  const auto score_words = [&](const SelectHead& head) { return even(static_cast<size_t>(head.group) * head.pages.n); };
  const auto part_words = [&](const SelectHead& head) { return static_cast<size_t>(2 * head.group) * head.n_parts; };
  const auto key_words = [&](const SelectHead& head) { return even(head.pages.n > kSharedKeys ? head.pages.n : 0); };
  size_t words = 0, shared_keys = 0;
  int slices = 1;
  for (SelectHead& head : heads) {
    if (head.slices == 0) continue;
    head.slices = Scorer::slices(head.pages);
    head.n_parts = head.slices * Scorer::kParts;
    slices = std::max(slices, head.slices);
    if (key_words(head) == 0) shared_keys = std::max(shared_keys, std::bit_ceil(static_cast<size_t>(head.pages.n)));
    words += score_words(head) + part_words(head) + key_words(head);
  }
  float* at = scratch.get<float>(words);
  for (SelectHead& head : heads) {
    if (head.slices == 0) continue;
    head.score = at, at += score_words(head);
    head.part = reinterpret_cast<float2*>(at), at += part_words(head);
    if (key_words(head) > 0) head.keys = reinterpret_cast<uint32_t*>(at), at += key_words(head);
  }
  // What is staged is written anew before every run: so are the tickets.
  const std::vector<unsigned> tickets(heads.size());
  const SelectParams params{launcher.stage(std::span<const SelectHead>(heads)),
                            const_cast<unsigned*>(launcher.stage(std::span<const unsigned>(tickets))), d};
  const dim3 grid(static_cast<unsigned>(heads.size()), std::bit_ceil(static_cast<unsigned>(slices)));
  launcher.run(select_kernel<Scorer>, grid, kSelectThreads,
               std::max(Scorer::shared_bytes(d), shared_keys * sizeof(uint32_t)), params);
}

template <template <class, int> class Scorer, class T>
void launch_kind(Launcher& launcher, Scratch& scratch, std::vector<SelectHead>& heads, int d) {
  if (heads.empty()) return;
  switch (padded_heads(heads[0].group)) {
    case 1:
      return launch_heads<Scorer<T, 1>>(launcher, scratch, heads, d);
    case 2:
      return launch_heads<Scorer<T, 2>>(launcher, scratch, heads, d);
    case 4:
      return launch_heads<Scorer<T, 4>>(launcher, scratch, heads, d);
    default:
      return launch_heads<Scorer<T, 8>>(launcher, scratch, heads, d);
  }
}

template <class T>
void launch_all(Launcher& launcher, Scratch& scratch, ByKind& heads, int d) {
  launch_kind<PageScorer, T>(launcher, scratch, heads.pages, d);
  launch_kind<PageScorer, T>(launcher, scratch, heads.own_pages, d);
  launch_kind<TokenScorer, KvRows<T, false>>(launcher, scratch, heads.tokens, d);
  launch_kind<TokenScorer, KvRows<T, true>>(launcher, scratch, heads.coded_tokens, d);
}

}  // namespace

void select(Launcher& launcher, Scratch& scratch, std::span<DecodeHead> heads, int group, int d, DType kv) {
  const std::vector<CacheView> caches = view_caches(launcher, std::span<const DecodeHead>(heads), &DecodeHead::cache);
  ByKind by_kind;
  for (size_t i = 0; i < heads.size(); i++)
    if (heads[i].select) by_kind.add(heads[i], caches[i], group, d);
  if (kv == RKV_F32)
    launch_all<float>(launcher, scratch, by_kind, d);
  else
    launch_all<bf16>(launcher, scratch, by_kind, d);
  for (DecodeHead& head : heads)
    if (head.select) head.score_read_bytes = score_bytes(launcher, head, group, d, kv);
}

}  // namespace rkv::gpu
