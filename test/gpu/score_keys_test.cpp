#include <algorithm>

#include "gpu/kernels.h"
#include "test_cache.h"

namespace rkv::test {
namespace {

rkv_plan plan_of(int score, int sinks = 0, int lag = 1) {
  rkv_plan plan = {};
  plan.struct_size = sizeof plan;
  plan.score = score, plan.sinks = sinks, plan.lag = lag, plan.seed = 12345;
  return plan;
}

std::vector<KeyScoreHead> heads(const std::vector<HeadCache>& caches, int n_scored, float* score) {
  std::vector<KeyScoreHead> all;
  for (int h = 0; h < static_cast<int>(caches.size()); h++)
    all.push_back({caches[static_cast<size_t>(h)], n_scored, h, score + h * n_scored});
  return all;
}

/// Scores of two KV heads.
void compare(CacheShape shape, const rkv_plan& plan, int n_scored, float tolerance) {
  for (const DType kv : {RKV_F32, RKV_BF16}) {
    shape.kv = kv;
    const TestCaches caches(shape, 2, 17);
    std::vector<float> wanted(static_cast<size_t>(2 * n_scored), -9);
    const DeviceArray<float> found(wanted);
    cpu().score_keys(heads(caches.host(), n_scored, wanted.data()), plan, 3, shape.d, kv);
    gpu::score_keys(launcher(), scratch(), heads(caches.device(), n_scored, found.data()), plan, 3, shape.d, kv);
    check_close(found.download(), wanted, tolerance, "score %d, %d of %d, head dim %d, %s", plan.score, n_scored,
                caches[0].host().n, shape.d, dtype_name(kv));
  }
}

}  // namespace

GPU_TEST("score_keys takes every head dim and awkward numbers of slots") {
  for (const int score : {RKV_SCORE_KEY_NORM, RKV_SCORE_KEY_DIFF}) {
    for (const int d : {8, 16, 24, 64, 80, 96, 128, 256}) compare({{70}, d, RKV_F32}, plan_of(score), 60, 2e-6f);
    for (const int n : {1, 7, 8, 9, 511, 512, 513}) {
      compare({{n}, 16, RKV_F32}, plan_of(score), n, 2e-6f);
      compare({{5, 0, n, 3}, 16, RKV_F32}, plan_of(score), std::max(1, n - 2), 2e-6f);
    }
  }
}

GPU_TEST("score_keys gives the CPU's random numbers") {
  for (const int n : {1, 255, 256, 300}) compare({{n, 4}, 16, RKV_F32, 5}, plan_of(RKV_SCORE_RANDOM), n + 2, 0);
}

GPU_TEST("score_keys ranks within partitions as the CPU does") {
  for (const int d : {8, 24, 128, 256}) compare({{100}, d, RKV_F32}, plan_of(RKV_SCORE_LAG, 4, 16), 100, 0);
  for (const int lag : {1, 7, 31, 33, 50, 100, 101}) {
    compare({{60, 45, 100}, 16, RKV_F32}, plan_of(RKV_SCORE_LAG, 3, lag), 190, 0);
    compare({{205}, 16, RKV_F32}, plan_of(RKV_SCORE_LAG, 0, lag), 205, 0);
  }
  compare({{10}, 16, RKV_F32}, plan_of(RKV_SCORE_LAG, 20, 4), 9, 0);
}

GPU_TEST("score_keys reads codes") {
  for (const int bits : {2, 4, 8}) {
    const CacheShape shape = coded({{32, 16, 20}, 16, RKV_F32}, 2, bits, 16);
    compare(shape, plan_of(RKV_SCORE_KEY_NORM), 68, 2e-6f);
    compare(shape, plan_of(RKV_SCORE_KEY_DIFF), 68, 2e-6f);
    compare(shape, plan_of(RKV_SCORE_LAG, 2, 9), 68, 0);
  }
}

GPU_TEST("score_keys of no heads does nothing") {
  for (const int score : {RKV_SCORE_KEY_NORM, RKV_SCORE_KEY_DIFF, RKV_SCORE_LAG, RKV_SCORE_RANDOM})
    gpu::score_keys(launcher(), scratch(), {}, plan_of(score), 0, 64, RKV_F32);
}

}  // namespace rkv::test
