// Plain C wrappers around the ops of the CPU backend that say what tokens are worth, for tests.
//
// Everything that is read or written ends at a guard page.
#include <vector>

#include "caches.h"
#include "core/ops.h"
#include "cpu/block_scores.h"
#include "cpu/expected_score.h"
#include "cpu/observe_queries.h"
#include "cpu/output_norms.h"
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

/// Add q f32 [n, n_heads, d] to sums f64 [n_heads, d + d * d].
extern "C" RKV_API void rkvt_observe_queries(int32_t level, int32_t threads, const float* q, int32_t n, int32_t n_heads,
                                             int32_t d, double* sums) {
  ThreadPool pool(threads);
  Guarded<float> queries(q, size_t{1} * n * n_heads * d);
  Guarded<double> result(sums, size_t{1} * n_heads * (d + d * d));
  cpu::observe_queries(pool, level_of(level), queries.data(), n, n_heads, d, result.data());
  result.copy_to(sums);
}

/// mean f32 [n_heads, group, d], covariance f32 [n_heads, group, d, d] or NULL, score f32 [n_heads, n_scored].
extern "C" RKV_API void rkvt_expected_score(int32_t level, int32_t threads, const CacheShape* s, const int32_t* runs,
                                            const uint8_t* k, const int32_t* positions, const float* mean,
                                            const float* covariance, int32_t n_scored, int32_t first, int32_t max,
                                            float* score) {
  ThreadPool pool(threads);
  const Caches caches(*s, runs, k, nullptr, positions, nullptr);
  const size_t floats = size_t{1} * s->group * s->d, squares = covariance != nullptr ? floats * s->d : 0;
  Guarded<float> means(mean, floats * s->n_heads), covariances(covariance, squares * s->n_heads);
  Guarded<float> result(nullptr, size_t{1} * s->n_heads * n_scored);
  std::vector<ExpectedHead> heads;
  for (int h = 0; h < s->n_heads; h++)
    heads.push_back({caches.heads[h], n_scored, first, means.data() + h * floats,
                     covariance != nullptr ? covariances.data() + h * squares : nullptr, max != 0,
                     result.data() + h * n_scored});
  cpu::expected_score(pool, level_of(level), heads, s->group, s->d, kv_of(*s));
  result.copy_to(score);
}

/// wo: weights [dim, n_heads * group * d]; score f32 [n_heads, n_scored].
extern "C" RKV_API void rkvt_output_norms(int32_t level, int32_t threads, const CacheShape* s, const int32_t* runs,
                                          const uint8_t* k, const uint8_t* v, const int32_t* positions, int32_t dtype,
                                          int32_t dim, const uint8_t* wo, int32_t n_scored, float* score) {
  ThreadPool pool(threads);
  const Caches caches(*s, runs, k, v, positions, nullptr);
  Weight weight = {static_cast<DType>(dtype), dim, s->n_heads * s->group * s->d, nullptr};
  Guarded<uint8_t> matrix(wo, static_cast<size_t>(weight.bytes()));
  weight.data = matrix.data();
  Guarded<float> result(nullptr, size_t{1} * s->n_heads * n_scored);
  std::vector<ValueHead> heads;
  for (int h = 0; h < s->n_heads; h++) heads.push_back({caches.heads[h], n_scored, h, result.data() + h * n_scored});
  cpu::output_norms(pool, level_of(level), heads, weight, s->group, s->d, kv_of(*s));
  result.copy_to(score);
}

/// q f32 [n, n_heads, group, d] of the slots from `first_slot` on; score f32 [n_heads * group, ceil(n / 64),
/// ceil((first_slot + n) / 64)].
extern "C" RKV_API void rkvt_block_scores(int32_t level, int32_t threads, const CacheShape* s, const int32_t* runs,
                                          const uint8_t* k, const int32_t* positions, const float* q, int32_t n,
                                          int32_t first_slot, float* score) {
  ThreadPool pool(threads);
  const Caches caches(*s, runs, k, nullptr, positions, nullptr);
  const size_t n_heads = size_t{1} * s->n_heads * s->group;
  Guarded<float> queries(q, n_heads * n * s->d);
  Guarded<float> result(nullptr, n_heads * ((n + 63) / 64) * ((first_slot + n + 63) / 64));
  cpu::block_scores(pool, level_of(level), queries.data(), n, first_slot, caches.heads, s->group, s->d, kv_of(*s),
                    result.data());
  result.copy_to(score);
}
