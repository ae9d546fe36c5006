#include "cpu/select_job.h"

#include <algorithm>
#include <numeric>

#include "cpu/attend_rows.h"

namespace rkv::cpu {

SelectJob make_job(DecodeHead& head, int first_head, int n_heads) {
  const int page_size =
      head.plan->select == RKV_SELECT_EXACT ? 1 : std::min(head.bounds.page_size, head.cache.candidates());
  SelectJob job{&head, first_head, n_heads, PageRange::over(head.first, head.cache.candidates(), page_size), {}, {},
                {},    {},         {}};
  const size_t n = job.pages.n;
  job.memory = std::make_unique_for_overwrite<float[]>((n + 2) * n_heads + n);
  job.score = job.memory.get();
  job.rank = job.score + n * n_heads;
  job.scale = job.rank + n;
  job.total = job.scale + n_heads;
  std::fill_n(job.total, n_heads, 0.0f);
  return job;
}

namespace {

/// Turn a head's scores into softmax weights, all of them `total` times too large.
void soften(const SelectKernels& kernels, const SelectJob& job, int g) {
  if (job.total[g] != 0) return;
  const PageRange& pages = job.pages;
  float* score = job.score_of(g);
  const float top = kernels.highest(score, pages.n), scale = job.scale[g];
  float total = kernels.exp_sum(score, 1, top, scale) * pages.tokens(0);  // a page weighs its live tokens
  if (pages.n > 2) total += kernels.exp_sum(score + 1, pages.n - 2, top, scale) * pages.size;
  if (pages.n > 1) total += kernels.exp_sum(score + pages.n - 1, 1, top, scale) * pages.tokens(pages.n - 1);
  job.total[g] = total;
}

/// What the pages are ranked by when the heads make one choice.
const float* rank_pages(const SelectKernels& kernels, const SelectJob& job) {
  // Softmax and a positive scale keep the order of a single head's scores; f32 weights would only lose some of it.
  if (job.n_heads == 1) return job.score;
  std::fill_n(job.rank, job.pages.n, 0.0f);
  for (int g = 0; g < job.n_heads; g++) {
    const bool softens = job.head->plan->rank == RKV_RANK_SOFTMAX_MEAN;
    if (softens) soften(kernels, job, g);
    // The sum over the heads ranks like the mean.
    kernels.add_scaled(job.score_of(g), job.pages.n, softens ? 1.0f / job.total[g] : job.scale[g], job.rank);
  }
  return job.rank;
}

/// Write one list of candidates: pins and the best pages. Returns its end.
int32_t* choose(const SelectKernels& kernels, const SelectJob& job, const float* rank, int32_t* list) {
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
  return end;
}

/// The estimated softmax weight of what was chosen, for query head g of the job.
float mass_of(const SelectKernels& kernels, const SelectJob& job, int g, const int32_t* list, const int32_t* end) {
  soften(kernels, job, g);
  double sum = 0;
  for (; list != end; list++) sum += job.score_of(g)[*list / job.pages.size - job.pages.first];
  return static_cast<float>(sum / job.total[g]);
}

}  // namespace

void write_lists(const SelectKernels& kernels, const SelectJob& job) {
  const DecodeHead& head = *job.head;
  const bool own = head.plan->rank == RKV_RANK_PER_HEAD;  // one list per query head
  const int lists = own ? job.n_heads : 1, heads = job.n_heads / lists;
  for (int i = 0; i < lists; i++) {
    const int at = own ? job.first_head + i : 0;
    int32_t* list = head.selected + at * head.plan->top_k;
    int32_t* end = choose(kernels, job, own ? job.score_of(i) : rank_pages(kernels, job), list);
    for (int g = i; head.mass != nullptr && g < i + heads; g++)
      head.mass[job.first_head + g] = mass_of(kernels, job, g, list, end);
    if (head.cache.index != nullptr)
      for (int32_t* entry = list; entry != end; entry++) *entry = head.cache.index[*entry];
    head.n_selected[at] = static_cast<int32_t>(end - list);
  }
}

void select_all(DecodeHead& head, int group) {
  const int n = head.cache.candidates(), live = n - head.first;
  const int n_lists = head.plan->rank == RKV_RANK_PER_HEAD ? group : 1;
  for (int list = 0; list < n_lists; list++) {
    int32_t* to = head.selected + list * head.plan->top_k;
    if (head.cache.index != nullptr)
      std::copy(head.cache.index + head.first, head.cache.index + n, to);
    else
      std::iota(to, to + live, head.first);
    head.n_selected[list] = live;
  }
  if (head.mass != nullptr) std::fill_n(head.mass, group, 1.0f);
  head.score_read_bytes = 0;
}

}  // namespace rkv::cpu
