#include <numeric>

#include "gpu/kernels.h"
#include "test_cache.h"

namespace rkv::test {
namespace {

/// Rows of one KV head on both sides.
struct Rows {
  Rows(int n, int d, DType kv, std::vector<float> score, uint64_t seed)
      : k(to_dtype(random_floats(static_cast<size_t>(n * d), seed), kv)),
        v(to_dtype(random_floats(static_cast<size_t>(n * d), seed + 1), kv)),
        position(random_order(static_cast<size_t>(n), seed + 2)),
        score(std::move(score)),
        device_k(k),
        device_v(v),
        device_position(position),
        device_score(this->score) {}

  StepHead host(bool moves, int sinks, int newest) {
    return {k.data(), v.data(), position.data(), score.data(), moves, static_cast<int>(position.size()), sinks, newest};
  }
  StepHead device(bool moves, int sinks, int newest) const {
    return {device_k.data(),
            device_v.data(),
            device_position.data(),
            device_score.data(),
            moves,
            static_cast<int>(position.size()),
            sinks,
            newest};
  }
  void check(const char* what) const {
    check_equal(device_position.download(), position, "%s: positions", what);
    check_equal(device_score.download(), score, "%s: scores", what);
    check_equal(device_k.download(), k, "%s: keys", what);
    check_equal(device_v.download(), v, "%s: values", what);
  }

  std::vector<uint8_t> k, v;
  std::vector<int32_t> position;
  std::vector<float> score;
  DeviceArray<uint8_t> device_k, device_v;
  DeviceArray<int32_t> device_position;
  DeviceArray<float> device_score;
};

/// Scores of few values, so that positions decide.
std::vector<float> tied_scores(int n, uint64_t seed) {
  std::vector<float> score;
  for (const int32_t level : random_ints(static_cast<size_t>(n), seed, 3)) score.push_back(static_cast<float>(level));
  return score;
}

void compare(int n, int d, DType kv, bool moves, int sinks, int newest) {
  const auto seed = static_cast<uint64_t>(n + d);
  Rows few(n, d, kv, tied_scores(n, seed), seed), many(n, d, kv, random_floats(static_cast<size_t>(n), seed), seed + 9);
  const std::vector<StepHead> host = {few.host(moves, sinks, newest), many.host(moves, sinks, newest)};
  const std::vector<StepHead> device = {few.device(moves, sinks, newest), many.device(moves, sinks, newest)};
  cpu().evict_step(host, d, kv);
  gpu::evict_step(launcher(), device, d, kv);
  char what[80];
  std::snprintf(what, sizeof what, "%d slots, d %d, %s, safe below %d and from %d", n, d, dtype_name(kv), sinks,
                newest);
  few.check(what);
  many.check(what);
}

}  // namespace

GPU_TEST("evict_step drops what the CPU drops") {
  for (const int n : {1, 2, 31, 32, 33, 255, 256, 257, 700})
    for (const bool moves : {true, false}) compare(n, 16, RKV_F32, moves, 0, n);
  for (const int d : {8, 24, 64, 80, 128, 256}) compare(40, d, d % 16 == 0 ? RKV_BF16 : RKV_F32, true, 0, 40);
}

GPU_TEST("evict_step leaves sinks and the newest tokens alone") {
  for (const int sinks : {0, 1, 10, 39, 40}) {
    for (const int newest : {40, 39, 30, 11, 10}) compare(40, 16, RKV_BF16, true, sinks, newest);
  }
}

GPU_TEST("evict_step drops the same token of all heads that share a score") {
  const int n = 50, d = 16;
  std::vector<float> score = random_floats(n, 8);
  Rows a(n, d, RKV_F32, score, 1), b(n, d, RKV_F32, score, 2);
  b.position = a.position, b.device_position.upload(a.position);
  StepHead first = a.host(false, 2, n), second = b.host(false, 2, n);
  StepHead device_first = a.device(false, 2, n), device_second = b.device(false, 2, n);
  second.score = first.score, device_second.score = device_first.score;
  cpu().evict_step(std::vector<StepHead>{first, second}, d, RKV_F32);
  gpu::evict_step(launcher(), std::vector<StepHead>{device_first, device_second}, d, RKV_F32);
  a.check("first head");
  b.check("second head");
  check_equal(a.position, b.position, "positions");
}

GPU_TEST("evict_step repeats within a graph while caches hold their size") {
  const int n = 30, d = 16;
  Rows rows(n, d, RKV_F32, random_floats(n, 4), 7);
  const int64_t before = launcher().replays();
  for (int step = 0; step < 5; step++) {
    const StepHead host = rows.host(true, 1, n + step), device = rows.device(true, 1, n + step);
    cpu().evict_step(std::span(&host, 1), d, RKV_F32);
    launcher().begin_step(true);
    gpu::evict_step(launcher(), std::span(&device, 1), d, RKV_F32);
    launcher().end_step();
    rows.check("step");
  }
  check_true(launcher().replays() > before, "steps are replayed");
}

}  // namespace rkv::test
