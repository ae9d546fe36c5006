#include "cpu/attend.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "cpu/attend_kernels.h"
#include "cpu/attend_rows.h"
#include "cpu/kernel_set.h"
#include "cpu/split_tasks.h"

namespace rkv::cpu {

namespace avx2 {
extern const AttendKernels attend_f32, attend_bf16;
}
namespace avx512 {
extern const AttendKernels attend_f32, attend_bf16;
}
namespace avx512bf16 {
extern const AttendKernels attend_f32, attend_bf16;
}

const AttendKernels& attend_kernels(CpuLevel level, DType kv) {
  return kv == RKV_F32 ? for_level(level, avx2::attend_f32, avx512::attend_f32, avx512bf16::attend_f32)
                       : for_level(level, avx2::attend_bf16, avx512::attend_bf16, avx512bf16::attend_bf16);
}

namespace {

constexpr int kSplit = 256;  // tokens per task: large against a merge, small enough to feed all threads with one head

/// Query heads that attend to one list of slots.
struct Listing {
  const HeadCache* cache;
  const float* q;  // [heads, d]
  float* out;      // [heads, d]
  int heads;
  const int32_t* slots;  // NULL: slots from `from` on
  int from, n;
  size_t partial;  // where its splits begin, in floats

  int splits() const { return (n + kSplit - 1) / kSplit; }
};

/// Distinct slots of the lists [n_lists, top_k].
int64_t union_size(const DecodeHead& head, int n_lists) {
  std::vector<int32_t> slots;
  for (int g = 0; g < n_lists; g++) {
    const int32_t* list = head.selected + g * head.plan->top_k;
    slots.insert(slots.end(), list, list + head.n_selected[g]);
  }
  std::sort(slots.begin(), slots.end());
  return std::unique(slots.begin(), slots.end()) - slots.begin();
}

/// What a head attends to, as one listing or as one per query head; fills in the head's counters.
void list_head(DecodeHead& head, int group, int d, DType kv, std::vector<Listing>& listings) {
  const int live = head.cache.candidates() - head.first;
  const int n_lists = head.select && head.plan->rank == RKV_RANK_PER_HEAD ? group : 1;
  const bool dense =
      !head.select || std::all_of(head.n_selected, head.n_selected + n_lists, [&](int32_t n) { return n == live; });
  if (dense) {
    listings.push_back({&head.cache, head.q, head.out, group, head.cache.index, head.first, live, 0});
    head.tokens_attended = live;
  } else {
    for (int g = 0; g < n_lists; g++)
      listings.push_back({&head.cache, head.q + g * d, head.out + g * d, group / n_lists,
                          head.selected + g * head.plan->top_k, 0, head.n_selected[g], 0});
    head.tokens_attended = n_lists == 1 ? head.n_selected[0] : union_size(head, n_lists);
  }
  head.attend_read_bytes = head.tokens_attended * 2 * d * static_cast<int64_t>(element_bytes(kv));
}

/// One split: [heads, d] weighted rows, then [heads] highest scores, then [heads] sums of weights.
void attend_split(const AttendKernels& kernels, const Listing& list, int split, int d, size_t row_bytes, float* score,
                  float* partial) {
  const void *k[kSplit + kRowPadding], *v[kSplit + kRowPadding];
  constexpr int pitch = kSplit + kRowPadding;
  const int n = std::min(kSplit, list.n - split * kSplit);
  locate_rows(*list.cache, list.slots, list.from + split * kSplit, n, row_bytes, k, v);
  kernels.score(list.q, list.heads, d, k, n, score, pitch);
  float* top = partial + list.heads * d;
  for (int g = 0; g < list.heads; g++)
    kernels.soften(score + g * pitch, n, 1.0f / std::sqrt(static_cast<float>(d)), top + g, top + list.heads + g);
  kernels.mix(score, pitch, list.heads, d, v, n, partial);
}

/// Bring the splits to a common highest score, add them up in order, divide by the sum of weights.
void merge(const Listing& list, int d, const float* partials) {
  const int heads = list.heads, splits = list.splits();
  const size_t stride = static_cast<size_t>(heads) * (d + 2);
  for (int g = 0; g < heads; g++) {
    const float* top = partials + heads * d + g;
    float highest = top[0];
    for (int s = 1; s < splits; s++) highest = std::max(highest, top[s * stride]);
    float* out = list.out + g * d;
    std::fill_n(out, d, 0.0f);
    float sum = 0;
    for (int s = 0; s < splits; s++) {
      const float factor = std::exp(top[s * stride] - highest);
      const float* row = partials + s * stride + g * d;
      sum += factor * top[s * stride + heads];
      for (int i = 0; i < d; i++) out[i] += factor * row[i];
    }
    for (int i = 0; i < d; i++) out[i] /= sum;
  }
}

}  // namespace

void attend(ThreadPool& pool, CpuLevel level, std::span<DecodeHead> heads, int group, int d, DType kv) {
  const AttendKernels& kernels = attend_kernels(level, kv);
  const size_t row_bytes = d * element_bytes(kv);
  std::vector<Listing> listings;
  for (DecodeHead& head : heads) list_head(head, group, d, kv, listings);

  std::vector<int> splits;
  size_t n_partials = 0;
  for (Listing& list : listings) {
    list.partial = n_partials;
    splits.push_back(list.splits());
    n_partials += static_cast<size_t>(list.splits()) * list.heads * (d + 2);
  }
  const size_t n_scores = static_cast<size_t>(group) * (kSplit + kRowPadding);
  const auto partials = std::make_unique_for_overwrite<float[]>(n_partials);
  const auto scores = std::make_unique_for_overwrite<float[]>(n_scores * pool.size());
  run_splits(
      pool, splits,
      [&](int item, int split, int worker) {
        const Listing& list = listings[item];
        attend_split(kernels, list, split, d, row_bytes, &scores[worker * n_scores],
                     &partials[list.partial + static_cast<size_t>(split) * list.heads * (d + 2)]);
      },
      [&](int item, int) { merge(listings[item], d, &partials[listings[item].partial]); });
}

}  // namespace rkv::cpu
