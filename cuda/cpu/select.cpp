#include "cpu/select.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <vector>

#include "cpu/attend_kernels.h"
#include "cpu/attend_rows.h"
#include "cpu/kernel_set.h"
#include "cpu/select_kernels.h"
#include "cpu/select_pages.h"
#include "cpu/split_tasks.h"

namespace rkv::cpu {

namespace avx2 {
extern const SelectKernels select_f32, select_bf16;
}
namespace avx512 {
extern const SelectKernels select_f32, select_bf16;
}
namespace avx512bf16 {
extern const SelectKernels select_f32, select_bf16;
}

const SelectKernels& select_kernels(CpuLevel level, DType kv) {
  return kv == RKV_F32 ? for_level(level, avx2::select_f32, avx512::select_f32, avx512bf16::select_f32)
                       : for_level(level, avx2::select_bf16, avx512::select_bf16, avx512bf16::select_bf16);
}

namespace {

constexpr int kPageSplit = 2048;  // pages per task
constexpr int kTokenSplit = 512;  // tokens per task when every key is read

/// A head that has more candidates than it may attend to. For EXACT every token is a page of its own.
struct Job {
  DecodeHead* head;
  PageRange pages;
  std::unique_ptr<float[]> memory;  // score [group, pages.n], then rank [pages.n], then scale [group]
  float *score, *rank, *scale;
};

Job make_job(DecodeHead& head, int group) {
  const int page_size =
      head.plan->select == RKV_SELECT_EXACT ? 1 : std::min(head.bounds.page_size, head.cache.candidates());
  Job job{&head, PageRange::over(head.first, head.cache.candidates(), page_size), {}, nullptr, nullptr, nullptr};
  const size_t n = job.pages.n;
  job.memory = std::make_unique_for_overwrite<float[]>((n + 1) * group + n);
  job.score = job.memory.get();
  job.rank = job.score + n * group;
  job.scale = job.rank + n;
  return job;
}

void score_tokens(const AttendKernels& kernels, const Job& job, int group, int d, size_t row_bytes, int split) {
  const int from = split * kTokenSplit, n = std::min(kTokenSplit, job.pages.n - from);
  const HeadCache& cache = job.head->cache;
  const void* k[kTokenSplit + kRowPadding];
  locate_rows(cache, cache.index, job.pages.begin + from, n, row_bytes, k, nullptr);
  std::vector<float> q(static_cast<size_t>(group) * kernels.pitch(d));
  kernels.pack(job.head->q, group, d, q.data());
  kernels.score(q.data(), group, d, k, n, job.score + from, job.pages.n);
  if (split == 0) std::fill_n(job.scale, group, 1.0f / std::sqrt(static_cast<float>(d)));
}

void score_pages(const SelectKernels& kernels, const Job& job, int group, int d, size_t element, int split) {
  const PageQuery query = page_query(kernels, *job.head, group, d);
  const int from = split * kPageSplit, n = std::min(kPageSplit, job.pages.n - from);
  const Bounds& bounds = job.head->bounds;
  std::vector<const void*> rows;
  for (const BoundRow& row : query.rows)
    rows.push_back(static_cast<const char*>(bounds.data) +
                   ((static_cast<size_t>(row.plane) * d + row.dim) * bounds.pitch + job.pages.first + from) * element);
  kernels.weigh(rows.data(), static_cast<int>(rows.size()), query.weight.data(), group, n, job.score + from,
                job.pages.n);
  if (split == 0) {
    std::copy(query.scale.begin(), query.scale.end(), job.scale);
    job.head->score_read_bytes = static_cast<int64_t>(rows.size()) * job.pages.n * element;
  }
}

/// What the pages are ranked by when the group makes one choice.
const float* rank_pages(const SelectKernels& kernels, const Job& job, int group) {
  // Softmax and a positive scale keep the order of a single head's scores; f32 weights would only lose some of it.
  if (group == 1) return job.score;
  const PageRange& pages = job.pages;
  std::fill_n(job.rank, pages.n, 0.0f);
  for (int g = 0; g < group; g++) {
    float* score = job.score + static_cast<size_t>(g) * pages.n;
    float factor = job.scale[g];
    if (job.head->plan->rank == RKV_RANK_SOFTMAX_MEAN) {
      const float top = kernels.highest(score, pages.n);
      float total = kernels.exp_sum(score, 1, top, job.scale[g]) * pages.tokens(0);  // a page weighs its live tokens
      if (pages.n > 2) total += kernels.exp_sum(score + 1, pages.n - 2, top, job.scale[g]) * pages.size;
      if (pages.n > 1) total += kernels.exp_sum(score + pages.n - 1, 1, top, job.scale[g]) * pages.tokens(pages.n - 1);
      factor = 1.0f / total;  // the sum over the group ranks like the mean
    }
    kernels.add_scaled(score, pages.n, factor, job.rank);
  }
  return job.rank;
}

/// Write one list: pins and the best pages, as slots.
void choose(const SelectKernels& kernels, const Job& job, const float* rank, int32_t* list, int32_t* n_list) {
  const DecodeHead& head = *job.head;
  const rkv_plan& plan = *head.plan;
  const HeadCache& cache = head.cache;
  const int n = cache.candidates();
  const int recent = std::min(plan.pin_recent, plan.top_k);
  const int sink_slots = plan.pin_sinks > 0 ? first_slot_at(cache, plan.pin_sinks) : 0;
  int sinks = cache.index != nullptr
                  ? static_cast<int>(std::lower_bound(cache.index, cache.index + n, sink_slots) - cache.index)
                  : sink_slots;
  sinks = std::clamp(sinks - head.first, 0, plan.top_k - recent);

  const PageRange free = PageRange::over(head.first + sinks, n - recent, job.pages.size);  // what is not pinned
  int32_t* end = list;
  for (int i = 0; i < sinks; i++) *end++ = head.first + i;
  end = take_pages(kernels, free, rank + (free.first - job.pages.first), plan.top_k - recent - sinks,
                   plan.whole_pages != 0, end);
  for (int i = n - recent; i < n; i++) *end++ = i;
  if (cache.index != nullptr)
    for (int32_t* entry = list; entry != end; entry++) *entry = cache.index[*entry];
  *n_list = static_cast<int32_t>(end - list);
}

/// Everything fits: nothing is scored.
void select_all(DecodeHead& head, int n_lists) {
  const int n = head.cache.candidates(), live = n - head.first;
  for (int list = 0; list < n_lists; list++) {
    int32_t* to = head.selected + list * head.plan->top_k;
    if (head.cache.index != nullptr)
      std::copy(head.cache.index + head.first, head.cache.index + n, to);
    else
      std::iota(to, to + live, head.first);
    head.n_selected[list] = live;
  }
  head.score_read_bytes = 0;
}

}  // namespace

void select(ThreadPool& pool, CpuLevel level, std::span<DecodeHead> heads, int group, int d, DType kv) {
  const SelectKernels& kernels = select_kernels(level, kv);
  const AttendKernels& row_kernels = attend_kernels(level, kv);
  const size_t element = element_bytes(kv);
  std::vector<Job> jobs;
  std::vector<int> splits;
  for (DecodeHead& head : heads) {
    if (!head.select) continue;
    if (head.cache.candidates() - head.first <= head.plan->top_k) {
      select_all(head, head.plan->rank == RKV_RANK_PER_HEAD ? group : 1);
      continue;
    }
    jobs.push_back(make_job(head, group));
    const int per_task = head.plan->select == RKV_SELECT_EXACT ? kTokenSplit : kPageSplit;
    splits.push_back((jobs.back().pages.n + per_task - 1) / per_task);
  }
  run_splits(
      pool, splits,
      [&](int item, int split, int) {
        const Job& job = jobs[item];
        if (job.head->plan->select == RKV_SELECT_EXACT)
          score_tokens(row_kernels, job, group, d, d * element, split);
        else
          score_pages(kernels, job, group, d, element, split);
      },
      [&](int item, int) {
        const Job& job = jobs[item];
        DecodeHead& head = *job.head;
        if (head.plan->select == RKV_SELECT_EXACT) head.score_read_bytes = int64_t{job.pages.n} * d * element;
        if (head.plan->rank != RKV_RANK_PER_HEAD) {
          choose(kernels, job, rank_pages(kernels, job, group), head.selected, head.n_selected);
          return;
        }
        for (int g = 0; g < group; g++)
          choose(kernels, job, job.score + static_cast<size_t>(g) * job.pages.n, head.selected + g * head.plan->top_k,
                 head.n_selected + g);
      });
}

}  // namespace rkv::cpu
