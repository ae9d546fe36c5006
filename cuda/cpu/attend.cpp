#include "cpu/attend.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "cpu/attend_kernels.h"
#include "cpu/attend_rows.h"
#include "cpu/float_buffer.h"
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
constexpr int kScorePitch = kSplit + kRowPadding;

/// Query heads of one KV head that attend to one list of slots.
struct Listing {
  const DecodeHead* head;
  int first_head, heads;
  const int32_t* slots;  // NULL: slots from `from` on
  int from, n;
  int sinks;           // the first ones are scored by q_sinks
  bool adds_mean;      // what is not listed counts as the mean V
  size_t partial = 0;  // where its splits begin, in floats

  int splits() const { return (n + kSplit - 1) / kSplit; }
};

/// The first slot that is scored by q.
int sinks_end(const DecodeHead& head) {
  const HeadCache& cache = head.cache;
  if (head.q_sinks == nullptr || head.n_sinks == 0) return 0;
  if (head.n_sinks >= cache.candidates()) return cache.n;
  return cache.index != nullptr ? cache.index[head.n_sinks] : head.n_sinks;
}

/// Distinct slots of the lists [n_lists, top_k], ascending.
std::vector<int32_t> union_of(const DecodeHead& head, int n_lists) {
  std::vector<int32_t> slots;
  for (int g = 0; g < n_lists; g++) {
    const int32_t* list = head.selected + g * head.plan->top_k;
    slots.insert(slots.end(), list, list + head.n_selected[g]);
  }
  std::sort(slots.begin(), slots.end());
  slots.erase(std::unique(slots.begin(), slots.end()), slots.end());
  return slots;
}

/// What a head attends to, as one listing or as one per query head; fills in the head's counters.
void list_head(DecodeHead& head, int group, int d, DType kv, std::vector<Listing>& listings) {
  const HeadCache& cache = head.cache;
  const int live = cache.candidates() - head.first, end = sinks_end(head);
  const int n_lists = head.select && head.plan->rank == RKV_RANK_PER_HEAD ? group : 1;
  const bool dense =
      !head.select || std::all_of(head.n_selected, head.n_selected + n_lists, [&](int32_t n) { return n == live; });
  if (dense) {
    const int sinks = end > 0 ? std::clamp(head.n_sinks - head.first, 0, live) : 0;
    listings.push_back({&head, 0, group, cache.index, head.first, live, sinks, false});
    head.tokens_attended = live;
    head.attend_read_bytes = 2 * stored_bytes(cache, cache.index, head.first, live, d, kv);
  } else {
    for (int g = 0; g < n_lists; g++) {
      const int32_t* list = head.selected + g * head.plan->top_k;
      const int n = head.n_selected[g], sinks = static_cast<int>(std::lower_bound(list, list + n, end) - list);
      listings.push_back({&head, g, group / n_lists, list, 0, n, sinks, head.mass != nullptr});
    }
    std::vector<int32_t> slots;
    const int32_t* distinct = head.selected;
    int n = head.n_selected[0];
    if (n_lists > 1) slots = union_of(head, n_lists), distinct = slots.data(), n = static_cast<int>(slots.size());
    head.tokens_attended = n;
    head.attend_read_bytes = 2 * stored_bytes(cache, distinct, 0, n, d, kv);
    if (head.mass != nullptr) head.attend_read_bytes += int64_t{d} * 4;
  }
}

/// What the splits of a call share.
struct Shape {
  int d, pitch;  // floats of a row, plain and packed
  DType kv;

  /// Floats of one split's result: packed sums of rows [heads, pitch], highest scores [heads], sums of weights [heads].
  size_t partial(int heads) const { return static_cast<size_t>(heads) * (pitch + 2); }
};

void attend_split(const AttendKernels& kernels, const Shape& shape, const Listing& list, int split, float* work,
                  float* partial) {
  const void *k[kSplit + kRowPadding], *v[kSplit + kRowPadding];
  const int d = shape.d, n = std::min(kSplit, list.n - split * kSplit);
  locate_rows(list.head->cache, list.slots, list.from + split * kSplit, n, d, shape.kv, k, v);
  float* packed = work + list.heads * kScorePitch;
  const auto score = [&](const float* q, int from, int to) {
    if (from >= to) return;
    kernels.pack(q + list.first_head * d, list.heads, d, packed);
    kernels.score(packed, list.heads, d, k + from, to - from, work + from, kScorePitch);
  };
  const int sinks = std::clamp(list.sinks - split * kSplit, 0, n);
  score(list.head->q_sinks, 0, sinks);
  score(list.head->q, sinks, n);
  float* top = partial + list.heads * shape.pitch;
  for (int g = 0; g < list.heads; g++)
    kernels.soften(work + g * kScorePitch, n, 1.0f / std::sqrt(static_cast<float>(d)), top + g, top + list.heads + g);
  kernels.mix(work, kScorePitch, list.heads, d, v, n, partial);
}

/// Give the mean V the weight that the list was estimated to leave out.
void add_mean(const Listing& list, int d, float* out) {
  const DecodeHead& head = *list.head;
  for (int g = 0; g < list.heads; g++, out += d) {
    const float mass = head.mass[list.first_head + g];
    const float share = (1 - mass) / static_cast<float>(head.cache.candidates());
    for (int i = 0; i < d; i++) out[i] = mass * out[i] + share * head.value_sum[i];
  }
}

/// Bring the splits to a common highest score, add them up in order into the first, divide by the sum of weights.
void merge(const AttendKernels& kernels, const Shape& shape, const Listing& list, float* partials) {
  const size_t stride = shape.partial(list.heads);
  for (int g = 0; g < list.heads; g++) {
    const float* top = partials + list.heads * shape.pitch + g;
    float highest = top[0];
    for (int s = 1; s < list.splits(); s++) highest = std::max(highest, top[s * stride]);
    float* out = partials + g * shape.pitch;
    float sum = 0;
    for (int s = 0; s < list.splits(); s++) {
      const float factor = std::exp(top[s * stride] - highest);
      const float* row = out + s * stride;
      sum += factor * top[s * stride + list.heads];
      for (int i = 0; i < shape.pitch; i++) out[i] = s == 0 ? factor * row[i] : out[i] + factor * row[i];
    }
    for (int i = 0; i < shape.pitch; i++) out[i] /= sum;
  }
  float* out = list.head->out + list.first_head * shape.d;
  kernels.unpack(partials, list.heads, shape.d, out);
  if (list.adds_mean) add_mean(list, shape.d, out);
}

}  // namespace

void attend(ThreadPool& pool, CpuLevel level, std::span<DecodeHead> heads, int group, int d, DType kv) {
  const AttendKernels& kernels = attend_kernels(level, kv);
  const Shape shape{d, kernels.pitch(d), kv};
  std::vector<Listing> listings;
  for (DecodeHead& head : heads) list_head(head, group, d, kv, listings);

  std::vector<int> splits;
  size_t n_partials = 0;
  for (Listing& list : listings) {
    list.partial = n_partials;
    splits.push_back(list.splits());
    n_partials += list.splits() * shape.partial(list.heads);
  }
  const size_t n_work = static_cast<size_t>(group) * (kScorePitch + shape.pitch);
  const FloatBuffer partials = float_buffer(n_partials), work = float_buffer(n_work * pool.size());
  run_splits(
      pool, splits,
      [&](int item, int split, int worker) {
        const Listing& list = listings[item];
        attend_split(kernels, shape, list, split, &work[worker * n_work],
                     &partials[list.partial + split * shape.partial(list.heads)]);
      },
      [&](int item, int) { merge(kernels, shape, listings[item], &partials[listings[item].partial]); });
}

}  // namespace rkv::cpu
