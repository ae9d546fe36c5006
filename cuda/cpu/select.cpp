#include "cpu/select.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "cpu/attend_kernels.h"
#include "cpu/attend_rows.h"
#include "cpu/kernel_set.h"
#include "cpu/select_job.h"
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

/// Every query head of PER_HEAD reads dims of its own; keys are read once for all heads.
void add_jobs(DecodeHead& head, int group, int d, DType kv, std::vector<SelectJob>& jobs) {
  const rkv_plan& plan = *head.plan;
  const bool apart = plan.select == RKV_SELECT_PAGES && plan.rank == RKV_RANK_PER_HEAD;
  const int n_heads = apart ? 1 : group;
  for (int g = 0; g < group; g += n_heads) jobs.push_back(make_job(head, g, n_heads));
  const PageRange& pages = jobs.back().pages;
  head.score_read_bytes = plan.select == RKV_SELECT_EXACT
                              ? stored_bytes(head.cache, head.cache.index, pages.begin, pages.n, d, kv)
                              : int64_t{plan.query_dims} * planes_read(plan) * pages.n * (group / n_heads) *
                                    static_cast<int64_t>(element_bytes(kv));
}

void score_tokens(const AttendKernels& kernels, const SelectJob& job, int d, DType kv, int split) {
  const int from = split * kTokenSplit, n = std::min(kTokenSplit, job.pages.n - from);
  const HeadCache& cache = job.head->cache;
  const void* k[kTokenSplit + kRowPadding];
  locate_rows(cache, cache.index, job.pages.begin + from, n, d, kv, k, nullptr);
  std::vector<float> q(static_cast<size_t>(job.n_heads) * kernels.pitch(d));
  kernels.pack(job.head->q + job.first_head * d, job.n_heads, d, q.data());
  kernels.score(q.data(), job.n_heads, d, k, n, job.score + from, job.pages.n);
  if (split == 0) std::fill_n(job.scale, job.n_heads, 1.0f / std::sqrt(static_cast<float>(d)));
}

void score_pages(const SelectKernels& kernels, const SelectJob& job, int d, size_t element, int split) {
  const PageQuery query = page_query(kernels, *job.head->plan, job.head->q + job.first_head * d, job.n_heads, d);
  const int from = split * kPageSplit, n = std::min(kPageSplit, job.pages.n - from);
  const Bounds& bounds = job.head->bounds;
  std::vector<const void*> rows;
  for (const BoundRow& row : query.rows)
    rows.push_back(static_cast<const char*>(bounds.data) +
                   ((static_cast<size_t>(row.plane) * d + row.dim) * bounds.pitch + job.pages.first + from) * element);
  kernels.weigh(rows.data(), static_cast<int>(rows.size()), query.weight.data(), job.n_heads, n, job.score + from,
                job.pages.n);
  if (split == 0) std::copy(query.scale.begin(), query.scale.end(), job.scale);
}

}  // namespace

void select(ThreadPool& pool, CpuLevel level, std::span<DecodeHead> heads, int group, int d, DType kv) {
  const SelectKernels& kernels = select_kernels(level, kv);
  const AttendKernels& row_kernels = attend_kernels(level, kv);
  const size_t element = element_bytes(kv);
  std::vector<SelectJob> jobs;
  for (DecodeHead& head : heads) {
    if (!head.select) continue;
    if (head.cache.candidates() - head.first <= head.plan->top_k)
      select_all(head, group);
    else
      add_jobs(head, group, d, kv, jobs);
  }
  const auto is_exact = [](const SelectJob& job) { return job.head->plan->select == RKV_SELECT_EXACT; };
  std::vector<int> splits;
  for (const SelectJob& job : jobs) {
    const int per_task = is_exact(job) ? kTokenSplit : kPageSplit;
    splits.push_back((job.pages.n + per_task - 1) / per_task);
  }
  run_splits(
      pool, splits,
      [&](int item, int split, int) {
        if (is_exact(jobs[item]))
          score_tokens(row_kernels, jobs[item], d, kv, split);
        else
          score_pages(kernels, jobs[item], d, element, split);
      },
      [&](int item, int) { write_lists(kernels, jobs[item]); });
}

}  // namespace rkv::cpu
