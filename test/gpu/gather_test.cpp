#include "gpu/kernels.h"
#include "test_cache.h"

namespace rkv::test {
namespace {

/// Every `step`-th slot and the last one.
std::vector<int32_t> some_slots(int n, int step) {
  std::vector<int32_t> slots;
  for (int slot = 0; slot < n; slot += step) slots.push_back(slot);
  if (slots.back() != n - 1) slots.push_back(n - 1);
  return slots;
}

void compare(const CacheShape& shape, int step) {
  const TestCache cache(shape, 1);
  const std::vector<int32_t> slots = some_slots(cache.host().n, step);
  const int n = static_cast<int>(slots.size());
  const size_t bytes = static_cast<size_t>(row_bytes(shape.kv, shape.d)) * slots.size();
  std::vector<uint8_t> k(bytes), v(bytes);
  std::vector<int32_t> position(slots.size());
  cpu().gather(cache.host(), slots.data(), n, shape.d, shape.kv, k.data(), v.data(), position.data());

  const DeviceArray<int32_t> device_slots(slots), found_position(slots.size());
  const DeviceArray<uint8_t> found_k(bytes), found_v(bytes);
  gpu::gather(launcher(), cache.device(), device_slots.data(), n, shape.d, shape.kv, found_k.data(), found_v.data(),
              found_position.data());
  check_equal(found_k.download(), k, "k of %d rows of %d %s", n, shape.d, dtype_name(shape.kv));
  check_equal(found_v.download(), v, "v of %d rows of %d %s", n, shape.d, dtype_name(shape.kv));
  check_equal(found_position.download(), position, "positions of %d rows", n);
}

}  // namespace

GPU_TEST("gather copies rows of every head dim and KV dtype") {
  for (const int d : {8, 24, 64, 80, 96, 128, 256}) {
    compare({{70}, d, RKV_BF16}, 3);
    compare({{70}, d, RKV_F32}, 3);
  }
}

GPU_TEST("gather follows slots through several runs, empty ones too") {
  compare({{1, 31, 0, 32, 33, 1}, 64, RKV_BF16, 5}, 1);
  compare({{0, 7, 300}, 64, RKV_F32, 2}, 7);
}

GPU_TEST("gather decodes codes") {
  for (const int bits : {2, 4, 8}) {
    for (const int d : {16, 64, 80, 256}) {
      compare(coded({{16, 8, 0, 9}, d, RKV_BF16, 3}, 2, bits, 8), 2);
      compare(coded({{16, 9}, d, RKV_F32}, 1, bits, 16), 1);
    }
  }
}

GPU_TEST("gather of nothing does nothing") {
  const TestCache cache({{4}, 16, RKV_BF16}, 1);
  gpu::gather(launcher(), cache.device(), nullptr, 0, 16, RKV_BF16, nullptr, nullptr, nullptr);
}

}  // namespace rkv::test
