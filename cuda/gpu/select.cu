// Which cached tokens a decode step attends to: query dims, page scores, softmax over the group, the best pages.
//
//   q         [group, d]         f32  after RoPE, per KV head
//   bounds    [2, d, pitch]      KV dtype  page min, page max; rows start at 16 bytes (PAGES), or the keys (EXACT)
//   selected  [n_lists, top_k]   i32  out: slots, ascending
//   n_selected [n_lists]         i32  out
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
  int group, d;
};

/// Everything fits: nothing is scored.
__device__ void select_all(const SelectHead& head, int lists) {
  const int n = head.pages.end - head.pages.begin;
  for (int list = 0; list < lists; list++) {
    int32_t* to = head.selected + int64_t{list} * head.top_k;
    for (int i = threadIdx.x; i < n; i += kSelectThreads) to[i] = head.cache.slot_of(head.pages.begin + i);
    if (threadIdx.x == 0) head.n_selected[list] = n;
  }
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
  const bool per_head = head.rank == RKV_RANK_PER_HEAD;
  if (head.slices == 0) {
    if (slice == 0) select_all(head, per_head ? p.group : 1);
    return;
  }
  if (slice >= head.slices) return;
  Scorer::score(head, p.group, p.d, slice, query[0], reinterpret_cast<float*>(memory));
  if (!is_last(p.ticket + blockIdx.x, head.slices)) return;

  uint32_t* keys = head.keys != nullptr ? head.keys : reinterpret_cast<uint32_t*>(memory);
  for (int list = 0; list < (per_head ? p.group : 1); list++) {
    rank_pages(head, p.group, per_head ? list : -1, query[0].scale, shared[0], keys);
    choose(head, keys, shared[0], head.selected + int64_t{list} * head.top_k, head.n_selected + list);
  }
}

SelectHead select_head(const DecodeHead& head, const CacheView& cache) {
  const rkv_plan& plan = *head.plan;
  const int candidates = head.cache.candidates();
  SelectHead view = {};
  view.cache = cache;
  view.q = head.q, view.bounds = head.bounds.data, view.pitch = head.bounds.pitch;
  const int page_size = plan.select == RKV_SELECT_EXACT ? 1 : std::min(head.bounds.page_size, candidates);
  view.pages = PageRange::over(head.first, candidates, std::max(page_size, 1));
  view.query_dims = plan.query_dims, view.top_k = plan.top_k;
  view.rank = plan.rank, view.sign = plan.sign, view.whole_pages = plan.whole_pages;
  view.pin_sinks = plan.pin_sinks, view.pin_recent = plan.pin_recent;
  view.selected = head.selected, view.n_selected = head.n_selected;
  return view;
}

int64_t score_bytes(const DecodeHead& head, int pages, int d, DType kv) {
  const rkv_plan& plan = *head.plan;
  if (plan.select == RKV_SELECT_EXACT) return int64_t{pages} * row_bytes(kv, d);
  return int64_t{plan.query_dims} * (plan.sign == RKV_SIGN_HEAD ? 2 : 1) * row_bytes(kv, pages);
}

/// Heads of one kind of plan.
template <class Scorer>
void launch_heads(Launcher& launcher, Scratch& scratch, std::vector<SelectHead>& heads, int group, int d) {
  const auto even = [](size_t words) { return (words + 1) / 2 * 2; };  // keeps pairs of floats aligned
  const auto score_words = [&](const SelectHead& head) { return even(static_cast<size_t>(group) * head.pages.n); };
  const auto part_words = [&](const SelectHead& head) { return static_cast<size_t>(2 * group) * head.n_parts; };
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
                            const_cast<unsigned*>(launcher.stage(std::span<const unsigned>(tickets))), group, d};
  const dim3 grid(static_cast<unsigned>(heads.size()), std::bit_ceil(static_cast<unsigned>(slices)));
  launcher.run(select_kernel<Scorer>, grid, kSelectThreads,
               std::max(Scorer::shared_bytes(d), shared_keys * sizeof(uint32_t)), params);
}

template <template <class, int> class Scorer, class T>
void launch_kind(Launcher& launcher, Scratch& scratch, std::vector<SelectHead>& heads, int group, int d) {
  switch (padded_heads(group)) {
    case 1:
      return launch_heads<Scorer<T, 1>>(launcher, scratch, heads, group, d);
    case 2:
      return launch_heads<Scorer<T, 2>>(launcher, scratch, heads, group, d);
    case 4:
      return launch_heads<Scorer<T, 4>>(launcher, scratch, heads, group, d);
    default:
      return launch_heads<Scorer<T, 8>>(launcher, scratch, heads, group, d);
  }
}

}  // namespace

void select(Launcher& launcher, Scratch& scratch, std::span<DecodeHead> heads, int group, int d, DType kv) {
  const std::vector<CacheView> caches = view_caches(launcher, std::span<const DecodeHead>(heads), &DecodeHead::cache);
  std::vector<SelectHead> by_pages, by_tokens;
  for (size_t i = 0; i < heads.size(); i++) {
    DecodeHead& head = heads[i];
    if (!head.select) continue;
    SelectHead view = select_head(head, caches[i]);
    const bool fits = head.cache.candidates() - head.first <= head.plan->top_k;
    view.slices = fits ? 0 : 1;
    head.score_read_bytes = fits ? 0 : score_bytes(head, view.pages.n, d, kv);
    (head.plan->select == RKV_SELECT_EXACT ? by_tokens : by_pages).push_back(view);
  }
  if (!by_pages.empty()) {
    if (kv == RKV_F32)
      launch_kind<PageScorer, float>(launcher, scratch, by_pages, group, d);
    else
      launch_kind<PageScorer, bf16>(launcher, scratch, by_pages, group, d);
  }
  if (!by_tokens.empty()) {
    if (kv == RKV_F32)
      launch_kind<TokenScorer, float>(launcher, scratch, by_tokens, group, d);
    else
      launch_kind<TokenScorer, bf16>(launcher, scratch, by_tokens, group, d);
  }
}

}  // namespace rkv::gpu
