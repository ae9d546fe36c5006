#include "gpu/kernels.h"
#include "test_cache.h"
#include "weights.h"

namespace rkv::test {
namespace {

std::vector<ValueHead> heads(const std::vector<HeadCache>& caches, int first_head, int n_scored, float* score) {
  std::vector<ValueHead> all;
  for (int h = 0; h < static_cast<int>(caches.size()); h++)
    all.push_back({caches[static_cast<size_t>(h)], n_scored, first_head + h, score + h * n_scored});
  return all;
}

/// Of a model with as many KV heads as make 256 columns or a multiple, the last two.
void compare(DType dtype, int rows, int group, int n_kv_heads, CacheShape shape, int n_scored) {
  const TestWeight wo(dtype, rows, n_kv_heads * group * shape.d, 3);
  for (const DType kv : {RKV_F32, RKV_BF16}) {
    shape.kv = kv;
    const TestCaches caches(shape, 2, 11);
    std::vector<float> wanted(static_cast<size_t>(2 * n_scored), -1);
    const DeviceArray<float> found(wanted);
    cpu().output_norms(heads(caches.host(), n_kv_heads - 2, n_scored, wanted.data()), wo.mapped(), group, shape.d, kv);
    gpu::output_norms(launcher(), scratch(), heads(caches.device(), n_kv_heads - 2, n_scored, found.data()),
                      wo.packed(), group, shape.d, kv);
    check_close(found.download(), wanted, 2e-5f, "%s, %d rows, group %d, head dim %d, %d scores", dtype_name(dtype),
                rows, group, shape.d, n_scored);
  }
}

}  // namespace

GPU_TEST("output_norms takes every type of weights") {
  for (const DType dtype : kAllTypes) compare(dtype, 70, 2, 2, {{20}, 64, RKV_F32}, 19);
}

GPU_TEST("output_norms takes every head dim and group") {
  compare(RKV_Q4_0, 65, 4, 4, {{30, 3}, 16, RKV_F32}, 33);
  compare(RKV_Q6_K, 64, 1, 32, {{66}, 24, RKV_F32}, 65);
  compare(RKV_BF16, 10, 4, 4, {{9}, 80, RKV_F32}, 9);
  compare(RKV_F32, 130, 1, 2, {{70}, 128, RKV_F32}, 64);
  compare(RKV_Q8_0, 33, 2, 2, {{5}, 256, RKV_F32}, 1);
}

}  // namespace rkv::test
