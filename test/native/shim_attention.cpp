// Plain C wrappers around the attention ops of the CPU backend, for tests.
//
// Every run of a cache, every page bound and every list that is written ends at a guard page.
#include <cstring>
#include <memory>
#include <vector>

#include "caches.h"
#include "core/ops.h"
#include "cpu/attend.h"
#include "cpu/attend_listed.h"
#include "cpu/attend_prefill.h"
#include "cpu/bounds.h"
#include "cpu/gather.h"
#include "cpu/keep_best.h"
#include "cpu/select.h"
#include "cpu/vote.h"

using namespace rkv;
using cpu::CpuLevel;
using cpu::element_bytes;
using cpu::ThreadPool;
using rkvt::Caches;
using rkvt::CacheShape;
using rkvt::Guarded;

/// q, out f32 [n, n_heads, group, d]; the last n slots are the new ones.
extern "C" RKV_API void rkvt_attend_prefill(int32_t level, int32_t threads, const CacheShape* s, const int32_t* runs,
                                            const uint8_t* k, const uint8_t* v, const int32_t* positions,
                                            const float* q, int32_t n, int32_t sliding_window, float* out) {
  ThreadPool pool(threads);
  const Caches caches(*s, runs, k, v, positions, nullptr);
  const size_t floats = static_cast<size_t>(n) * s->n_heads * s->group * s->d;
  Guarded<float> queries(q, floats), result(nullptr, floats);
  cpu::attend_prefill(pool, static_cast<CpuLevel>(level), queries.data(), n, caches.heads, s->group, s->d,
                      static_cast<DType>(s->kv), sliding_window, result.data());
  result.copy_to(out);
}

/// q, out f32 [n, n_heads * group, d], out in and out. Items i32 [n_items, 4]: query head, first row, rows, and the
/// length of the item's list; `lists` holds the lists one after the other.
extern "C" RKV_API void rkvt_attend_listed(int32_t level, int32_t threads, const CacheShape* s, const int32_t* runs,
                                           const uint8_t* k, const uint8_t* v, const int32_t* positions, const float* q,
                                           int32_t n, const int32_t* items, int32_t n_items, const int32_t* lists,
                                           float* out) {
  ThreadPool pool(threads);
  const Caches caches(*s, runs, k, v, positions, nullptr);
  const int n_heads = s->n_heads * s->group;
  const size_t floats = static_cast<size_t>(n) * n_heads * s->d;
  Guarded<float> queries(q, floats), result(out, floats);
  std::vector<std::unique_ptr<Guarded<int32_t>>> copies;
  std::vector<ListedRows> rows;
  for (const int32_t* item = items; item != items + 4 * n_items; lists += item[3], item += 4) {
    copies.push_back(std::make_unique<Guarded<int32_t>>(lists, item[3]));
    HeadCache cache = caches.heads[item[0] / s->group];
    cache.index = copies.back()->data(), cache.n_index = item[3];
    rows.push_back({cache, item[0], item[1], item[2]});
  }
  cpu::attend_listed(pool, static_cast<CpuLevel>(level), queries.data(), n, rows, n_heads, s->d,
                     static_cast<DType>(s->kv), result.data());
  result.copy_to(out);
}

/// One decode step: with a plan select, then attend; without one attend densely. q, out f32 [n_heads, group, d];
/// selected i32 [n_heads, n_lists, top_k], n_selected i32 [n_heads, n_lists]; counters i64 [n_heads, 3]: bytes read to
/// score, bytes read to attend, tokens attended. q_sinks like q or NULL, for the first n_sinks candidates; value_sum
/// f32 [n_heads, d] or NULL, with it mass f32 [n_heads, group] is written.
extern "C" RKV_API void rkvt_decode(int32_t level, int32_t threads, const CacheShape* s, const int32_t* runs,
                                    const uint8_t* k, const uint8_t* v, const int32_t* positions, const int32_t* index,
                                    const float* q, const float* q_sinks, int32_t n_sinks, const float* value_sum,
                                    const rkv_plan* plan, int32_t first, int32_t* selected, int32_t* n_selected,
                                    int64_t* counters, float* mass, float* out) {
  ThreadPool pool(threads);
  const Caches caches(*s, runs, k, v, positions, index);
  const auto cpu_level = static_cast<CpuLevel>(level);
  const auto kv = static_cast<DType>(s->kv);
  const bool pages = plan != nullptr && plan->select == RKV_SELECT_PAGES;
  const int n_lists = plan != nullptr && plan->rank == RKV_RANK_PER_HEAD ? s->group : 1;

  std::vector<std::unique_ptr<Guarded<uint8_t>>> planes;
  std::vector<PageWork> bounds;
  for (const HeadCache& cache : caches.heads) {
    const int pitch = pages ? (cache.candidates() - 1) / plan->page_size + 1 : 0;
    planes.push_back(std::make_unique<Guarded<uint8_t>>(nullptr, size_t{2} * s->d * pitch * element_bytes(kv)));
    bounds.push_back({cache, {planes.back()->data(), pitch, pages ? plan->page_size : 1}, kv, 0});
  }
  if (pages) cpu::build_bounds(pool, cpu_level, bounds, s->d);

  const size_t floats = static_cast<size_t>(s->group) * s->d, list = plan != nullptr ? n_lists * plan->top_k : 0;
  Guarded<float> queries(q, floats * s->n_heads), result(nullptr, floats * s->n_heads);
  Guarded<int32_t> lists(nullptr, list * s->n_heads);
  std::vector<DecodeHead> heads;
  for (int h = 0; h < s->n_heads; h++) {
    DecodeHead head = {};
    head.cache = caches.heads[h], head.bounds = bounds[h].bounds;
    head.q = queries.data() + h * floats, head.out = result.data() + h * floats;
    if (q_sinks != nullptr) head.q_sinks = q_sinks + h * floats, head.n_sinks = n_sinks;
    if (value_sum != nullptr) head.value_sum = value_sum + h * s->d, head.mass = mass + h * s->group;
    head.plan = plan, head.select = plan != nullptr, head.first = first;
    head.selected = lists.data() + h * list, head.n_selected = n_selected + h * n_lists;
    heads.push_back(head);
  }
  if (plan != nullptr) cpu::select(pool, cpu_level, heads, s->group, s->d, kv);
  cpu::attend(pool, cpu_level, heads, s->group, s->d, kv);
  result.copy_to(out);
  lists.copy_to(selected);
  for (int h = 0; h < s->n_heads; h++) {
    counters[3 * h] = heads[h].score_read_bytes;
    counters[3 * h + 1] = heads[h].attend_read_bytes;
    counters[3 * h + 2] = heads[h].tokens_attended;
  }
}

/// q f32 [n_heads, window, group, d], with `gap` unused floats after every token; score f32 [n_heads, n - window].
extern "C" RKV_API void rkvt_vote(int32_t level, int32_t threads, const CacheShape* s, const int32_t* runs,
                                  const uint8_t* k, const int32_t* positions, const float* q, int32_t gap,
                                  int32_t window, int32_t sliding_window, float* score) {
  ThreadPool pool(threads);
  const Caches caches(*s, runs, k, nullptr, positions, nullptr);
  const int stride = s->group * s->d + gap;
  const size_t queries = static_cast<size_t>(window) * stride, votes = s->n - window;
  Guarded<float> result(nullptr, votes * s->n_heads);
  std::vector<VoteHead> heads;
  for (int h = 0; h < s->n_heads; h++)
    heads.push_back({caches.heads[h], q + h * queries, stride, window, sliding_window, static_cast<int32_t>(votes),
                     VoteSum::kGroup, false, result.data() + h * votes, nullptr});
  cpu::vote(pool, static_cast<CpuLevel>(level), heads, s->group, s->d, static_cast<DType>(s->kv));
  result.copy_to(score);
}

/// score f32 [n_heads, n], kept i32 [n_heads, keep].
extern "C" RKV_API void rkvt_keep_best(int32_t threads, const float* score, int32_t n_heads, int32_t n, int32_t keep,
                                       int32_t sinks, int32_t pool_kind, int32_t pool_width, int32_t tie_by_position,
                                       int32_t* kept) {
  ThreadPool pool(threads);
  std::vector<KeepHead> heads;
  for (int h = 0; h < n_heads; h++)
    heads.push_back({score + static_cast<size_t>(h) * n, n, keep, sinks, pool_kind, pool_width, tie_by_position != 0,
                     kept + static_cast<size_t>(h) * keep});
  cpu::keep_best(pool, heads);
}

/// Of head 0: slots i32 [n]; k_out, v_out [n, d] of the KV dtype, position_out i32 [n].
extern "C" RKV_API void rkvt_gather(int32_t threads, const CacheShape* s, const int32_t* runs, const uint8_t* k,
                                    const uint8_t* v, const int32_t* positions, const int32_t* slots, int32_t n,
                                    uint8_t* k_out, uint8_t* v_out, int32_t* position_out) {
  ThreadPool pool(threads);
  const Caches caches(*s, runs, k, v, positions, nullptr);
  cpu::gather(pool, caches.heads[0], slots, n, s->d, static_cast<DType>(s->kv), k_out, v_out, position_out);
}

/// planes [n_heads, 2, d, pitch] of the KV dtype, in and out.
extern "C" RKV_API void rkvt_build_bounds(int32_t level, int32_t threads, const CacheShape* s, const int32_t* runs,
                                          const uint8_t* k, const int32_t* positions, const int32_t* index,
                                          int32_t page_size, int32_t pitch, int32_t from, uint8_t* planes) {
  ThreadPool pool(threads);
  const Caches caches(*s, runs, k, nullptr, positions, index);
  const auto kv = static_cast<DType>(s->kv);
  std::vector<PageWork> work;
  for (int h = 0; h < s->n_heads; h++) {
    uint8_t* data = planes + static_cast<size_t>(h) * 2 * s->d * pitch * element_bytes(kv);
    work.push_back({caches.heads[h], {data, pitch, page_size}, kv, from});
  }
  cpu::build_bounds(pool, static_cast<CpuLevel>(level), work, s->d);
}
