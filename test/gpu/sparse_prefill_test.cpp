#include <algorithm>
#include <deque>

#include "gpu/kernels.h"
#include "test_cache.h"

namespace rkv::test {
namespace {

void compare_blocks(CacheShape shape, int group, int n) {
  for (const DType kv : {RKV_F32, RKV_BF16}) {
    shape.kv = kv;
    const TestCaches caches(shape, 2, 5);
    const int slots = caches[0].host().n, first = slots - n, n_heads = 2 * group;
    const std::vector<float> q = random_floats(static_cast<size_t>(n * n_heads * shape.d), 6, -2, 2);
    const DeviceArray<float> device_q(q);
    std::vector<float> wanted(static_cast<size_t>(n_heads * ((n + 63) / 64) * ((slots + 63) / 64)), 7);
    const DeviceArray<float> found(wanted);
    cpu().block_scores(q.data(), n, first, caches.host(), group, shape.d, kv, wanted.data());
    gpu::block_scores(launcher(), scratch(), device_q.data(), n, first, caches.device(), group, shape.d, kv,
                      found.data());
    check_close(found.download(), wanted, 1e-5f, "blocks of %d in %d slots, group %d, head dim %d, %s", n, slots, group,
                shape.d, dtype_name(kv));
  }
}

/// Ascending slots: the first ones, and every `step`-th.
std::vector<int32_t> some_slots(int n, int first, int step) {
  std::vector<int32_t> slots;
  for (int slot = 0; slot < n; slot++)
    if (slot < first || slot % step == 0) slots.push_back(slot);
  return slots;
}

/// n rows in blocks of 64, each with its list for every query head.
void compare_listed(CacheShape shape, int n, int group, float tolerance) {
  const TestCache cache(shape, 9);
  const int slots = cache.host().n, n_heads = group;
  const std::vector<float> q = random_floats(static_cast<size_t>(n * n_heads * shape.d), 6, -3, 3);
  std::vector<float> wanted(q.size(), 5);
  const DeviceArray<float> device_q(q), found(wanted);
  std::deque<std::vector<int32_t>> lists;
  std::deque<DeviceArray<int32_t>> device_lists;
  std::vector<ListedRows> host, device;
  for (int head = 0; head < n_heads; head++) {
    for (int first = 0; first < n; first += 64) {
      lists.push_back(some_slots(std::min(slots - n + first + 64, slots), 1 + first / 3, 2 + head));
      device_lists.emplace_back(lists.back());
      const auto rows = [&](HeadCache view, const int32_t* index) {
        view.index = index, view.n_index = static_cast<int32_t>(lists.back().size());
        return ListedRows{view, head, first, std::min(64, n - first)};
      };
      host.push_back(rows(cache.host(), lists.back().data()));
      device.push_back(rows(cache.device(), device_lists.back().data()));
    }
  }
  cpu().attend_listed(q.data(), n, host, n_heads, shape.d, shape.kv, wanted.data());
  gpu::attend_listed(launcher(), device_q.data(), n, device, n_heads, shape.d, shape.kv, found.data());
  check_close(found.download(), wanted, tolerance, "%d rows of %d slots, head dim %d, %s", n, slots, shape.d,
              dtype_name(shape.kv));
}

}  // namespace

GPU_TEST("attend_listed sees listed slots only, none that come later") {
  for (const int d : {8, 16, 24, 64, 80, 128, 256}) compare_listed({{100}, d, RKV_F32}, 70, 1, 1e-5f);
  for (const int n : {1, 63, 64, 65, 200}) compare_listed({{30, 0, n + 40}, 16, RKV_F32}, n, 3, 1e-5f);
  compare_listed({{150}, 64, RKV_BF16}, 100, 2, 4e-3f);
}

GPU_TEST("attend_listed and block_scores decode codes") {
  compare_listed(coded({{64, 40}, 32, RKV_F32}, 1, 4, 8), 40, 2, 1e-5f);
  compare_blocks(coded({{128, 64, 33}, 32, RKV_F32}, 2, 2, 16), 2, 33);
}

GPU_TEST("block_scores multiplies means of blocks") {
  for (const int d : {8, 16, 24, 64, 128, 256}) compare_blocks({{130}, d, RKV_F32}, 2, 130);
  for (const int n : {1, 63, 64, 65, 200}) compare_blocks({{64, n}, 16, RKV_F32}, 1, n);
  compare_blocks({{100, 92, 50}, 16, RKV_F32}, 3, 50);
}

}  // namespace rkv::test
