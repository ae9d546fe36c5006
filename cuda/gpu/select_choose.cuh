// From scores to slots: pages are ranked, the best ones give their tokens, pins come first within top_k. One block.
#pragma once

#include "gpu/select_head.cuh"

namespace rkv::gpu {

struct ChooseShared {
  float top[kMostGroup], factor[kMostGroup];  // of a softmax over tokens: highest score, 1 / sum of weights
  BarShared bar;
  uint32_t keys[kMaxWarps];
  int64_t counts[kMaxWarps];
  float sums[kMaxWarps];
};

/// The softmax of every query head over all tokens, from its parts. @param scale  [group]: 1 / temperature.
__device__ inline void merge_parts(const SelectHead& head, const float* scale, ChooseShared& shared) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp, parts = head.n_parts;
  for (int g = static_cast<int>(threadIdx.x) / kWarp; g < head.group; g += kSelectWarps) {
    float top = -FLT_MAX, sum = 0;
    for (int p = lane; p < parts; p += kWarp) top = fmaxf(top, __ldcg(&head.part[int64_t{p} * head.group + g]).x);
    top = warp_max(top);
    for (int p = lane; p < parts; p += kWarp) {
      const float2 part = __ldcg(&head.part[int64_t{p} * head.group + g]);
      if (part.y > 0) sum = fmaf(part.y, weight_of((part.x - top) * scale[g]), sum);
    }
    sum = warp_sum(sum);
    if (lane == 0) shared.top[g] = top, shared.factor[g] = 1.0f / sum;
  }
  __syncthreads();
}

/// keys[pages.n]: the order of the pages. Of query head `own` alone, or of the whole group if that is negative.
__device__ inline void rank_pages(const SelectHead& head, int own, const float* scale, const ChooseShared& shared,
                                  uint32_t* keys) {
  const int n = head.pages.n;
  const bool softens = own < 0 && head.softens();
  for (int i = threadIdx.x; i < n; i += kSelectThreads) {
    float rank = 0;
    if (own >= 0 || head.group == 1) {
      // Softmax and a positive scale keep the order of a single head's scores.
      rank = __ldcg(head.score + int64_t{max(own, 0)} * n + i);
    } else {
#pragma unroll 4
      for (int g = 0; g < head.group; g++) {
        const float score = __ldcg(head.score + int64_t{g} * n + i);
        // The sum over the group ranks like the mean.
        rank = softens ? fmaf(weight_of((score - shared.top[g]) * scale[g]), shared.factor[g], rank)
                       : fmaf(score, scale[g], rank);
      }
    }
    keys[i] = order_key(rank);
  }
  __syncthreads();
}

/// How many of the best pages are taken, and what follows from that.
struct PageCut {
  int m;        // pages
  int missing;  // tokens that the first page has less than page size, if it is among them
  int surplus;  // tokens that the last page to be taken leaves out: its highest positions
  int tokens;   // in all
};

/// Only the outer pages can be short, so what the m best hold follows from how many pages are better than those two.
__device__ inline PageCut cut_pages(const PageRange& pages, int before_first, int before_last, int room, bool whole) {
  const int short_first = pages.size - pages.tokens(0);
  const int short_last = pages.n > 1 ? pages.size - pages.tokens(pages.n - 1) : 0;
  const auto tokens = [&](int m) {
    return m * pages.size - (before_first < m ? short_first : 0) - (before_last < m ? short_last : 0);
  };
  int m = min(whole ? room / pages.size : (room + pages.size - 1) / pages.size, pages.n);
  if (whole) {
    while (m < pages.n && tokens(m + 1) <= room) m++;
    m = max(m, 1);
  } else {
    while (m < pages.n && tokens(m) < room) m++;
  }
  return {m, before_first < m ? short_first : 0, max(tokens(m) - room, 0), min(tokens(m), room)};
}

/// Write the candidates [start, start + n) of every lane's page to `out`, as slots. Whole warp.
__device__ inline void write_pages(const CacheView& cache, int page_size, int start, int n, int32_t* out) {
  if (page_size <= 4) {
#pragma unroll
    for (int t = 0; t < 4; t++)
      if (t < n) out[t] = cache.slot_of(start + t);
    return;
  }
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  for (unsigned rest = __ballot_sync(kFullWarp, n > 0); rest != 0; rest &= rest - 1) {
    const int from = __ffs(static_cast<int>(rest)) - 1;
    const int first = __shfl_sync(kFullWarp, start, from), count = __shfl_sync(kFullWarp, n, from);
    int32_t* const to =
        reinterpret_cast<int32_t*>(__shfl_sync(kFullWarp, reinterpret_cast<unsigned long long>(out), from));
    for (int t = lane; t < count; t += kWarp) to[t] = cache.slot_of(first + t);
  }
}

/// The best pages of a range that has more than `room` candidates, as ascending slots; returns how many.
/// @param keys  [pages.n] of this range.
__device__ inline int take_pages(const CacheView& cache, const PageRange& pages, const uint32_t* keys, int room,
                                 bool whole, ChooseShared& shared, int32_t* out) {
  if (room == 0) return 0;
  const int n = pages.n;
  uint32_t low = ~0u, high = 0;
  const uint32_t first = keys[0], last = keys[n - 1];
  int64_t before = 0;  // pages better than the last one, and above them those better than the first
  for (int i = threadIdx.x; i < n; i += kSelectThreads) {
    const uint32_t key = keys[i];
    low = min(low, key), high = max(high, key);
    before += (int64_t{key > first} << 32) + (key >= last && i != n - 1);
  }
  low = block_min(low, ~0u, shared.keys), high = block_max(high, 0u, shared.keys);
  before = block_sum(before, shared.counts);
  const PageCut cut =
      cut_pages(pages, static_cast<int>(before >> 32), static_cast<int>(before & 0xffffffff), room, whole);
  const Bar bar = find_bar(keys, n, cut.m, low, high, shared.bar);

  // A thread looks through pages that follow each other; an odd number, so that a warp's lie in different banks.
  const int per_thread = (n + kSelectThreads - 1) / kSelectThreads | 1;
  const int begin = static_cast<int>(threadIdx.x) * per_thread, end = min(begin + per_thread, n);
  int64_t counts = 0;
  for (int i = begin; i < end; i++) counts += (int64_t{keys[i] > bar.key} << 32) + (keys[i] == bar.key);
  int64_t total;
  counts = block_exclusive_sum(counts, shared.counts, &total);
  int above = static_cast<int>(counts >> 32), equal = static_cast<int>(counts & 0xffffffff);
  for (int i = begin; i < begin + per_thread; i++) {  // as many rounds for every thread: warps write together
    const uint32_t key = i < end ? keys[i] : 0;
    const bool ties = i < end && key == bar.key && equal < bar.ties, takes = ties || (i < end && key > bar.key);
    const int taken = above + min(equal, bar.ties);  // pages before this one
    // The page taken last is the lowest in rank, and among equals the highest page.
    const int at = taken * pages.size - (i > 0 ? cut.missing : 0) - (equal >= bar.ties ? cut.surplus : 0);
    const int tokens = takes ? pages.tokens(i) - (ties && equal == bar.ties - 1 ? cut.surplus : 0) : 0;
    write_pages(cache, pages.size, takes ? pages.start(i) : 0, min(tokens, room - at), out + at);
    above += i < end && key > bar.key, equal += i < end && key == bar.key;
  }
  return cut.tokens;
}

/// Candidates whose position is below pin_sinks. Positions ascend, so there are no more than that many.
__device__ inline int count_sinks(const SelectHead& head, ChooseShared& shared) {
  if (head.pin_sinks == 0) return 0;
  int sinks = 0;
  const int n = min(head.pin_sinks, head.pages.end);
  for (int c = threadIdx.x; c < n; c += kSelectThreads)
    sinks += head.cache.position_of(head.cache.slot_of(c)) < head.pin_sinks;
  return block_sum(sinks, shared.bar.warps);
}

/// Write one list: pins and the best pages, as slots. @return how many.
__device__ inline int choose(const SelectHead& head, const uint32_t* keys, ChooseShared& shared, int32_t* list,
                             int32_t* n_list) {
  const int first = head.pages.begin, n = head.pages.end, recent = min(head.pin_recent, head.top_k);
  const int sinks = min(max(count_sinks(head, shared) - first, 0), head.top_k - recent);
  for (int i = threadIdx.x; i < sinks; i += kSelectThreads) list[i] = head.cache.slot_of(first + i);

  const PageRange free = PageRange::over(first + sinks, n - recent, head.pages.size);  // what is not pinned
  const int taken = take_pages(head.cache, free, keys + (free.first - head.pages.first), head.top_k - recent - sinks,
                               head.whole_pages != 0, shared, list + sinks);
  for (int i = threadIdx.x; i < recent; i += kSelectThreads)
    list[sinks + taken + i] = head.cache.slot_of(n - recent + i);
  if (threadIdx.x == 0) *n_list = sinks + taken + recent;
  __syncthreads();  // `keys` and `shared` may be used again, and the list is there
  return sinks + taken + recent;
}

/// The candidate that a slot is.
__device__ inline int candidate_of(const CacheView& cache, int slot) {
  if (cache.index == nullptr) return slot;
  int low = 0, high = cache.n_index - 1;
  while (low < high) {
    const int middle = (low + high) / 2;
    if (cache.index[middle] < slot)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

/// The softmax weight of the n tokens of a list, for query head g.
__device__ inline void put_mass(const SelectHead& head, int g, const float* scale, const int32_t* list, int n,
                                ChooseShared& shared) {
  const float* score = head.score + int64_t{g} * head.pages.n;
  float sum = 0;
  for (int i = threadIdx.x; i < n; i += kSelectThreads) {
    const int page = candidate_of(head.cache, list[i]) / head.pages.size - head.pages.first;
    sum += weight_of((__ldcg(score + page) - shared.top[g]) * scale[g]);
  }
  sum = block_sum(sum, shared.sums);
  if (threadIdx.x == 0) head.mass[g] = sum * shared.factor[g];
}

}  // namespace rkv::gpu
