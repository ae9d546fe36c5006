// Plain C wrappers around the ops of the CPU backend that say what tokens are worth, for tests.
//
// Everything that is read or written ends at a guard page.
#include <vector>

#include "caches.h"
#include "core/ops.h"
#include "cpu/score_keys.h"
#include "cpu/values.h"
#include "cpu/vote.h"
#include "guarded.h"

using namespace rkv;
using cpu::CpuLevel;
using cpu::ThreadPool;
using rkvt::Caches;
using rkvt::CacheShape;
using rkvt::Guarded;

namespace {

CpuLevel level_of(int32_t level) { return static_cast<CpuLevel>(level); }
DType kv_of(const CacheShape& s) { return static_cast<DType>(s.kv); }

}  // namespace

/// q f32 [n_heads, window, group, d]; score f32 [n_heads, n_scored], or [n_heads, group, n_scored] for kHead: in and
/// out; diagonals f32 [n_heads, group, n] or NULL.
extern "C" RKV_API void rkvt_vote_sums(int32_t level, int32_t threads, const CacheShape* s, const int32_t* runs,
                                       const uint8_t* k, const int32_t* positions, const float* q, int32_t window,
                                       int32_t sliding_window, int32_t n_scored, int32_t sum, int32_t add, float* score,
                                       float* diagonals) {
  ThreadPool pool(threads);
  const Caches caches(*s, runs, k, nullptr, positions, nullptr);
  const auto kind = static_cast<VoteSum>(sum);
  const int stride = s->group * s->d, distances = s->group * s->n;
  const int scores = n_scored * (kind == VoteSum::kHead ? s->group : 1);
  Guarded<float> queries(q, size_t{1} * s->n_heads * window * stride), result(score, size_t{1} * s->n_heads * scores);
  Guarded<float> by_distance(nullptr, diagonals != nullptr ? size_t{1} * s->n_heads * distances : 0);
  std::vector<VoteHead> heads;
  for (int h = 0; h < s->n_heads; h++)
    heads.push_back({caches.heads[h], queries.data() + h * window * stride, stride, window, sliding_window, n_scored,
                     kind, add != 0, result.data() + h * scores,
                     diagonals != nullptr ? by_distance.data() + h * distances : nullptr});
  cpu::vote(pool, level_of(level), heads, s->group, s->d, kv_of(*s));
  result.copy_to(score);
  by_distance.copy_to(diagonals);
}

/// Score KV heads first_head, first_head + 1, ...: score f32 [n_heads, n_scored].
extern "C" RKV_API void rkvt_score_keys(int32_t level, int32_t threads, const CacheShape* s, const int32_t* runs,
                                        const uint8_t* k, const uint8_t* v, const int32_t* positions,
                                        const rkv_plan* plan, int32_t layer, int32_t first_head, int32_t n_scored,
                                        float* score) {
  ThreadPool pool(threads);
  const Caches caches(*s, runs, k, v, positions, nullptr);
  Guarded<float> result(nullptr, size_t{1} * s->n_heads * n_scored);
  std::vector<KeyScoreHead> heads;
  for (int h = 0; h < s->n_heads; h++)
    heads.push_back({caches.heads[h], n_scored, first_head + h, result.data() + h * n_scored});
  cpu::score_keys(pool, level_of(level), heads, *plan, layer, s->d, kv_of(*s));
  result.copy_to(score);
}

/// score f32 [n_heads, n_scored], in and out.
extern "C" RKV_API void rkvt_weigh_by_value(int32_t level, int32_t threads, const CacheShape* s, const int32_t* runs,
                                            const uint8_t* k, const uint8_t* v, const int32_t* positions,
                                            int32_t n_scored, float epsilon, float* score) {
  ThreadPool pool(threads);
  const Caches caches(*s, runs, k, v, positions, nullptr);
  Guarded<float> result(score, size_t{1} * s->n_heads * n_scored);
  std::vector<ValueHead> heads;
  for (int h = 0; h < s->n_heads; h++) heads.push_back({caches.heads[h], n_scored, h, result.data() + h * n_scored});
  cpu::weigh_by_value(pool, level_of(level), heads, epsilon, s->d, kv_of(*s));
  result.copy_to(score);
}

/// sum f32 [n_heads, d].
extern "C" RKV_API void rkvt_sum_values(int32_t level, int32_t threads, const CacheShape* s, const int32_t* runs,
                                        const uint8_t* k, const uint8_t* v, const int32_t* positions,
                                        const int32_t* index, float* sum) {
  ThreadPool pool(threads);
  const Caches caches(*s, runs, k, v, positions, index);
  Guarded<float> result(nullptr, size_t{1} * s->n_heads * s->d);
  for (int h = 0; h < s->n_heads; h++)
    cpu::sum_values(pool, level_of(level), caches.heads[h], s->d, kv_of(*s), result.data() + h * s->d);
  result.copy_to(sum);
}
