#include "gpu/kernels.h"
#include "test_cache.h"

namespace rkv::test {
namespace {

struct Expectation {
  CacheShape shape;
  int group, n_scored, first;
  bool covariance, max;
};

constexpr int kHeads = 2;

std::vector<ExpectedHead> heads(const Expectation& e, const std::vector<HeadCache>& caches, const float* mean,
                                const float* covariance, float* score) {
  std::vector<ExpectedHead> all;
  const int row = e.group * e.shape.d;
  for (int h = 0; h < kHeads; h++)
    all.push_back({caches[static_cast<size_t>(h)], e.n_scored, e.first, mean + h * row,
                   e.covariance ? covariance + h * row * e.shape.d : nullptr, e.max, score + h * e.n_scored});
  return all;
}

void compare(Expectation e) {
  const size_t row = kHeads * static_cast<size_t>(e.group * e.shape.d);
  const std::vector<float> mean = random_floats(row, 1, -2, 2);
  const std::vector<float> covariance = random_floats(row * static_cast<size_t>(e.shape.d), 2, -1, 1);
  const DeviceArray<float> device_mean(mean), device_covariance(covariance);
  for (const DType kv : {RKV_F32, RKV_BF16}) {
    e.shape.kv = kv;
    const TestCaches caches(e.shape, kHeads, 3);
    std::vector<float> wanted(static_cast<size_t>(kHeads * e.n_scored), -1);
    const DeviceArray<float> score(wanted);
    cpu().expected_score(heads(e, caches.host(), mean.data(), covariance.data(), wanted.data()), e.group, e.shape.d,
                         kv);
    gpu::expected_score(launcher(), scratch(),
                        heads(e, caches.device(), device_mean.data(), device_covariance.data(), score.data()), e.group,
                        e.shape.d, kv);
    std::vector<float> found = score.download();
    for (size_t i = 0; i < found.size(); i++)
      if (wanted[i] != 0) found[i] /= wanted[i], wanted[i] = 1;  // weights are small where there are many
    check_close(found, wanted, 1e-4f, "group %d, head dim %d, %s, %d scored from %d, covariance %d, max %d", e.group,
                e.shape.d, dtype_name(kv), e.n_scored, e.first, e.covariance, e.max);
  }
}

}  // namespace

GPU_TEST("expected_score takes every head dim, with and without covariance") {
  for (const int d : {8, 16, 24, 64, 80, 128, 256}) {
    for (const bool covariance : {false, true}) compare({{{66}, d, RKV_F32}, 1, 66, 0, covariance, false});
  }
}

GPU_TEST("expected_score takes the mean or the largest of a group, from any slot on") {
  for (const int group : {1, 3, 4}) {
    for (const bool max : {false, true}) compare({{{40, 0, 33}, 16, RKV_F32}, group, 70, 5, group != 4, max});
  }
  for (const int n : {1, 63, 64, 65, 300}) compare({{{n, 2}, 16, RKV_F32}, 2, n, 1, true, false});
  compare({{{20}, 16, RKV_F32}, 2, 9, 12, false, true});
}

}  // namespace rkv::test
