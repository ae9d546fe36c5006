#include "gpu/kernels.h"
#include "test_cache.h"

namespace rkv::test {
namespace {

std::vector<ValueHead> heads(const std::vector<HeadCache>& caches, int n_scored, float* score) {
  std::vector<ValueHead> all;
  for (int h = 0; h < static_cast<int>(caches.size()); h++)
    all.push_back({caches[static_cast<size_t>(h)], n_scored, h, score + h * n_scored});
  return all;
}

void compare_weighed(CacheShape shape, int n_scored) {
  for (const DType kv : {RKV_F32, RKV_BF16}) {
    shape.kv = kv;
    const TestCaches caches(shape, 3, 31);
    std::vector<float> wanted = random_floats(static_cast<size_t>(3 * n_scored), 2, 0, 4);
    const DeviceArray<float> found(wanted);
    cpu().weigh_by_value(heads(caches.host(), n_scored, wanted.data()), 0.25f, shape.d, kv);
    gpu::weigh_by_value(launcher(), heads(caches.device(), n_scored, found.data()), 0.25f, shape.d, kv);
    check_close(found.download(), wanted, 1e-6f, "%d scores, head dim %d, %s", n_scored, shape.d, dtype_name(kv));
  }
}

void compare_sums(CacheShape shape) {
  for (const DType kv : {RKV_F32, RKV_BF16}) {
    shape.kv = kv;
    const TestCache cache(shape, 5);
    std::vector<float> wanted(static_cast<size_t>(shape.d));
    const DeviceArray<float> found(wanted.size());
    cpu().sum_values(cache.host(), shape.d, kv, wanted.data());
    gpu::sum_values(launcher(), scratch(), cache.device(), shape.d, kv, found.data());
    check_close(found.download(), wanted, 1e-5f, "sum of %d values, head dim %d, %s", cache.host().candidates(),
                shape.d, dtype_name(kv));
  }
}

}  // namespace

GPU_TEST("weigh_by_value equals the CPU") {
  for (const int d : {8, 16, 24, 64, 80, 128, 256}) compare_weighed({{33}, d, RKV_F32}, 30);
  for (const int n : {1, 7, 8, 9, 100}) compare_weighed({{n, 0, 2}, 16, RKV_F32}, n + 1);
  gpu::weigh_by_value(launcher(), {}, 0, 64, RKV_F32);
}

GPU_TEST("sum_values adds up every candidate") {
  for (const int d : {8, 16, 24, 64, 80, 128, 256}) compare_sums({{33}, d, RKV_F32});
  for (const int n : {1, 7, 9, 512, 513, 1100}) compare_sums({{n, 3}, 16, RKV_F32});
  compare_sums({{40, 30}, 16, RKV_F32, 0, {0, 1, 5, 39, 40, 69}});
  compare_sums({{}, 16, RKV_F32});
}

GPU_TEST("weigh_by_value and sum_values read codes") {
  for (const int bits : {2, 4, 8}) {
    compare_weighed(coded({{16, 24, 7}, 24, RKV_F32}, 2, bits, 8), 40);
    compare_sums(coded({{64, 24, 7}, 32, RKV_F32}, 2, bits, 8));
  }
}

}  // namespace rkv::test
