#include "core/backend.h"
#include "gpu/kernels.h"
#include "test_cache.h"

namespace rkv::test {
namespace {

/// f32: other order of sums. bf16: weights are rounded to 8 bits, a relative error of up to 2^-9 each, and outputs are
/// averages of values in [-1, 1]; queries are rounded as well, but those of the tests fit 8 bits.
float tolerance(DType kv) { return kv == RKV_F32 ? 1e-5f : 2e-3f; }

/// The CPU without bf16 instructions: it rounds nothing.
Ops& exact() {
  static const std::unique_ptr<Ops> ops = cpu::make_ops(1, 1);
  return *ops;
}

struct Prompt {
  CacheShape shape;
  int n;  // new tokens
  int n_heads, group;
  int sliding_window = 0;
};

/// Queries of a size that makes weights far from uniform.
std::vector<float> queries(const Prompt& p, uint64_t seed) {
  const size_t count = static_cast<size_t>(p.n) * static_cast<size_t>(p.n_heads * p.group * p.shape.d);
  return from_bf16(to_bf16(random_floats(count, seed, -4, 4)));
}

std::vector<float> attend(const Prompt& p, const TestCaches& caches, const std::vector<float>& q) {
  const DeviceArray<float> device_q(q), out(q.size());
  gpu::attend_prefill(launcher(), device_q.data(), p.n, caches.device(), p.group, p.shape.d, p.shape.kv,
                      p.sliding_window, out.data());
  return out.download();
}

void compare(const Prompt& p) {
  const TestCaches caches(p.shape, p.n_heads, 11);
  const std::vector<float> q = queries(p, 3);
  std::vector<float> wanted(q.size());
  exact().attend_prefill(q.data(), p.n, caches.host(), p.group, p.shape.d, p.shape.kv, p.sliding_window, wanted.data());
  check_close(attend(p, caches, q), wanted, tolerance(p.shape.kv),
              "%d of %d tokens, %d KV heads, group %d, head dim %d, %s, window %d", p.n, caches[0].host().n, p.n_heads,
              p.group, p.shape.d, dtype_name(p.shape.kv), p.sliding_window);
}

void compare_both(Prompt p) {
  p.shape.kv = RKV_BF16;
  compare(p);
  p.shape.kv = RKV_F32;
  compare(p);
}

}  // namespace

GPU_TEST("attend_prefill works for every head dim") {
  for (const int d : {8, 16, 24, 64, 72, 80, 96, 104, 128, 256}) compare_both({{{70}, d, RKV_BF16}, 70, 1, 2});
}

GPU_TEST("attend_prefill takes more rows at a time when they fill the device") {
  const int rows = 67 * 4, filling = (launcher().multiprocessors() * 128 + rows - 1) / rows;  // KV heads
  for (const int d : {24, 64, 80, 96, 128, 256}) compare({{{50, 40}, d, RKV_BF16}, 67, filling, 4, 60});
}

GPU_TEST("attend_prefill works for every group") {
  for (const int group : {1, 2, 3, 4, 5, 8, 16}) compare_both({{{50}, 64, RKV_BF16}, 33, 2, group});
}

GPU_TEST("attend_prefill takes awkward numbers of tokens, with and without a past") {
  for (const int n : {1, 31, 32, 33, 63, 64, 65, 129}) {
    compare_both({{{n}, 64, RKV_BF16}, n, 1, 3});
    compare_both({{{n + 101}, 64, RKV_BF16}, n, 1, 3});
  }
}

GPU_TEST("attend_prefill of few tokens looks far back") {
  compare_both({{{2000}, 64, RKV_BF16}, 3, 1, 4});
  compare_both({{{1999, 1}, 128, RKV_BF16}, 1, 1, 1});
}

GPU_TEST("attend_prefill follows runs") {
  compare_both({{{1, 31, 0, 32, 33, 100, 1, 64, 2}, 64, RKV_BF16}, 70, 2, 2});
  compare_both({{{64, 64, 64}, 80, RKV_BF16}, 100, 1, 2});
}

GPU_TEST("attend_prefill sees back by positions, not slots, within a sliding window") {
  for (const int window : {1, 2, 63, 64, 65, 100, 1000}) {
    compare_both({{{150}, 64, RKV_BF16}, 90, 1, 2, window});
    compare_both({{{40, 0, 7, 113}, 64, RKV_BF16, 5}, 90, 1, 2, window});
  }
}

GPU_TEST("attend_prefill decodes codes") {
  for (const int d : {16, 64, 80, 128, 256}) compare_both({coded({{64, 40, 33}, d, RKV_BF16}, 2, 4, 8), 33, 2, 2});
  for (const int bits : {2, 8}) compare_both({coded({{96, 50}, 32, RKV_BF16}, 1, bits, 32), 20, 1, 3, 70});
}

GPU_TEST("attend_prefill gives a token the same bits however tokens, rows and runs are cut") {
  const Prompt whole = {{{300}, 64, RKV_BF16}, 300, 1, 4, 200};
  const TestCaches caches(whole.shape, 1, 11);
  const std::vector<float> q = queries(whole, 3);
  const std::vector<float> wanted = attend(whole, caches, q);
  const Run& all = caches[0].device().runs[0];
  const size_t row = 64 * sizeof(uint16_t), token = 4 * 64;
  for (int from = 0, n = 7; from < 300; from += n, n = std::min(2 * n, 300 - from)) {
    const int split = (from + n) / 3;
    const Run runs[] = {{all.k, all.v, all.position, split},
                        {static_cast<const uint8_t*>(all.k) + row * static_cast<size_t>(split),
                         static_cast<const uint8_t*>(all.v) + row * static_cast<size_t>(split), all.position + split,
                         from + n - split}};
    const HeadCache cache{runs, 2, from + n, nullptr, 0};
    const auto begin = q.begin() + static_cast<ptrdiff_t>(token) * from;
    const DeviceArray<float> part(std::vector<float>(begin, begin + static_cast<ptrdiff_t>(token) * n));
    const DeviceArray<float> out(part.size());
    gpu::attend_prefill(launcher(), part.data(), n, std::span(&cache, 1), 4, 64, RKV_BF16, 200, out.data());
    const auto expected = wanted.begin() + static_cast<ptrdiff_t>(token) * from;
    check_equal(out.download(), std::vector<float>(expected, expected + static_cast<ptrdiff_t>(token) * n),
                "tokens %d to %d", from, from + n);
  }
}

GPU_TEST("attend_prefill does not overflow on large scores") {
  const Prompt p = {{{80}, 64, RKV_BF16}, 80, 1, 1};
  for (const DType kv : {RKV_BF16, RKV_F32}) {
    Prompt large = p;
    large.shape.kv = kv;
    const TestCaches caches(large.shape, 1, 11);
    std::vector<float> q = queries(large, 3);
    for (float& x : q) x *= 1000;
    for (const float x : attend(large, caches, q)) check_true(x >= -1.01f && x <= 1.01f, "an average of values");
  }
}

GPU_TEST("attend_prefill of nothing does nothing") {
  const TestCaches caches({{4}, 16, RKV_BF16}, 1, 1);
  gpu::attend_prefill(launcher(), nullptr, 0, caches.device(), 2, 16, RKV_BF16, 0, nullptr);
}

}  // namespace rkv::test
