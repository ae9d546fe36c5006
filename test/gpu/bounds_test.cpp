#include "gpu/kernels.h"
#include "test_cache.h"

namespace rkv::test {
namespace {

constexpr uint8_t kUntouched = 0xff;

/// All heads at once; what lies outside the pages that have to be filled must stay as it was.
void compare(const CacheShape& shape, int n_heads, int page_size, int from) {
  const TestCaches caches(shape, n_heads, 7);
  const int pitch = (caches[0].host().candidates() - 1) / page_size + 3;
  const size_t bytes = static_cast<size_t>(row_bytes(shape.kv, int64_t{2} * shape.d * pitch));
  std::vector<std::vector<uint8_t>> wanted(static_cast<size_t>(n_heads), std::vector<uint8_t>(bytes, kUntouched));
  std::deque<DeviceArray<uint8_t>> found;
  std::vector<PageWork> host, device;
  for (int h = 0; h < n_heads; h++) {
    found.emplace_back(bytes);
    host.push_back({caches[h].host(), {wanted[static_cast<size_t>(h)].data(), pitch, page_size}, shape.kv, from + h});
    device.push_back({caches[h].device(), {found.back().data(), pitch, page_size}, shape.kv, from + h});
  }
  cpu().build_bounds(host, shape.d);
  gpu::build_bounds(launcher(), device, shape.d);
  for (int h = 0; h < n_heads; h++)
    check_equal(found[static_cast<size_t>(h)].download(), wanted[static_cast<size_t>(h)],
                "bounds of head %d, pages of %d from %d, head dim %d", h, page_size, from, shape.d);
}

std::vector<int32_t> every_third(int n) {
  std::vector<int32_t> slots;
  for (int slot = 1; slot < n; slot += 3) slots.push_back(slot);
  return slots;
}

}  // namespace

GPU_TEST("build_bounds fills pages of every size, the last one partly") {
  for (const int page_size : {1, 2, 3, 4, 16, 200, 1000}) {
    for (const int slots : {1, 31, 32, 33, 257}) compare({{slots}, 64, RKV_BF16}, 1, page_size, 0);
  }
}

GPU_TEST("build_bounds works for every head dim and KV dtype") {
  for (const int d : {8, 16, 24, 80, 96, 128, 256}) {
    compare({{100}, d, RKV_BF16}, 2, 3, 0);
    compare({{100}, d, RKV_F32}, 2, 3, 0);
  }
}

GPU_TEST("build_bounds rebuilds the page of the first new candidate and leaves the earlier ones") {
  for (const int from : {1, 2, 3, 98, 99, 100, 500}) compare({{40, 60}, 64, RKV_BF16}, 3, 3, from);
}

GPU_TEST("build_bounds follows runs and index lists") {
  compare({{1, 31, 0, 32, 33, 2}, 64, RKV_BF16}, 2, 4, 0);
  compare({{50, 1, 49}, 64, RKV_F32, 3, every_third(100)}, 2, 4, 0);
  compare({{50, 1, 200}, 128, RKV_BF16, 3, every_third(251)}, 2, 3, 20);
}

GPU_TEST("build_bounds decodes codes") {
  for (const int bits : {2, 4, 8}) {
    compare(coded({{48, 0, 20}, 64, RKV_BF16}, 1, bits, 16), 2, 3, 0);
    compare(coded({{8, 16, 20}, 24, RKV_F32, 0, every_third(44)}, 2, bits, 8), 2, 5, 3);
  }
}

GPU_TEST("build_bounds of no work does nothing") { gpu::build_bounds(launcher(), {}, 64); }

}  // namespace rkv::test
