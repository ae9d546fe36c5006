#include <cmath>
#include <deque>
#include <numeric>

#include "gpu/kernels.h"
#include "test_cache.h"

namespace rkv::test {
namespace {

struct Choice {
  std::vector<float> score;
  int keep, sinks;
  int pool, pool_width;
  bool by_position = false;
};

/// What the kernels keep, all heads in one call.
std::vector<std::vector<int32_t>> keep_best(const std::vector<Choice>& choices) {
  std::deque<DeviceArray<float>> score;
  std::deque<DeviceArray<int32_t>> kept;
  std::vector<KeepHead> heads;
  for (const Choice& c : choices) {
    score.emplace_back(c.score);
    kept.emplace_back(static_cast<size_t>(c.keep));
    heads.push_back({score.back().data(), static_cast<int32_t>(c.score.size()), c.keep, c.sinks, c.pool, c.pool_width,
                     c.by_position, kept.back().data()});
  }
  gpu::keep_best(launcher(), scratch(), heads);
  std::vector<std::vector<int32_t>> found;
  for (const DeviceArray<int32_t>& k : kept) found.push_back(k.download());
  return found;
}

void compare(const std::vector<Choice>& choices) {
  const std::vector<std::vector<int32_t>> found = keep_best(choices);
  for (size_t h = 0; h < choices.size(); h++) {
    const Choice& c = choices[h];
    std::vector<int32_t> wanted(static_cast<size_t>(c.keep));
    const KeepHead head{
        c.score.data(), static_cast<int32_t>(c.score.size()), c.keep, c.sinks, c.pool, c.pool_width, c.by_position,
        wanted.data()};
    cpu().keep_best(std::span(&head, 1));
    check_equal(found[h], wanted, "head %zu: %d of %zu, %d sinks, pool %d of width %d", h, c.keep, c.score.size(),
                c.sinks, c.pool, c.pool_width);
  }
}

std::vector<int32_t> range(int begin, int end) {
  std::vector<int32_t> all(static_cast<size_t>(end - begin));
  std::iota(all.begin(), all.end(), begin);
  return all;
}

const std::vector<float> kFewVotes = {0, .1f, .9f, .2f, 0, 0, .05f, .3f, 0, 0, .4f, 0};

std::vector<float> two_spikes() {
  std::vector<float> score(100);
  score[10] = 1, score[80] = .5f;
  return score;
}

/// Votes as softmax makes them: many orders of magnitude, a few exactly 0.
std::vector<float> votes(int n, uint64_t seed) {
  std::vector<float> score = random_floats(static_cast<size_t>(n), seed, -30, 3);
  for (float& s : score) s = s < -28 ? 0 : std::exp(s);
  return score;
}

/// Few different values, so that ties abound.
std::vector<float> tied_votes(int n, uint64_t seed) {
  std::vector<float> score;
  for (const int32_t level : random_ints(static_cast<size_t>(n), seed, 4)) score.push_back(static_cast<float>(level));
  return score;
}

}  // namespace

GPU_TEST("keep_best breaks ties of a plateau by the vote, then by the lower index") {
  struct Case {
    int width, keep;
    std::vector<int32_t> wanted;
  };
  const std::vector<Case> cases = {
      {3, 3, {1, 2, 3}}, {3, 4, {1, 2, 3, 10}},       {3, 6, {1, 2, 3, 9, 10, 11}},
      {5, 3, {1, 2, 3}}, {5, 6, {0, 1, 2, 3, 4, 10}}, {1, 5, {1, 2, 3, 7, 10}},
  };
  for (const Case& c : cases) {
    const Choice choice{kFewVotes, c.keep, 0, RKV_POOL_MAX, c.width};
    check_equal(keep_best({choice})[0], c.wanted, "%d with width %d", c.keep, c.width);
    compare({choice});
  }
}

GPU_TEST("keep_best breaks ties by position at once where it is told to") {
  check_equal(keep_best({{kFewVotes, 3, 0, RKV_POOL_MAX, 5, true}})[0], range(0, 3), "the plateau's first ones");
  for (const int width : {1, 3, 7}) {
    for (const int keep : {1, 100, 1000, 1999})
      compare({{tied_votes(2000, 3), keep, 4, RKV_POOL_MAX, width, true},
               {tied_votes(2000, 4), keep, 4, RKV_POOL_AVG, width, true},
               {votes(500, 6), keep / 4, 0, RKV_POOL_AVG, width, true}});
  }
}

GPU_TEST("keep_best does not lose the peak of a plateau") {
  std::vector<int32_t> both = range(0, 42);
  for (const int32_t i : {49, 50, 51, 52, 53, 54, 55, 80}) both.push_back(i);
  check_equal(keep_best({{two_spikes(), 20, 0, RKV_POOL_MAX, 63}})[0], range(0, 20), "20 of 100");
  check_equal(keep_best({{two_spikes(), 50, 0, RKV_POOL_MAX, 63}})[0], both, "50 of 100");
  for (const int keep : {1, 20, 42, 50, 93, 94, 99, 100}) compare({{two_spikes(), keep, 0, RKV_POOL_MAX, 63}});
}

GPU_TEST("keep_best keeps what the CPU keeps, for both pools and awkward sizes") {
  for (const int n : {1, 31, 32, 33, 300, 1025}) {
    for (const int width : {1, 3, 63, 2 * n + 1}) {
      for (const int keep : {0, 1, n / 2, n}) {
        const auto seed = static_cast<uint64_t>(n + width);
        compare({{votes(n, seed), keep, 0, RKV_POOL_MAX, width}, {votes(n, seed), keep, 0, RKV_POOL_AVG, width}});
      }
    }
  }
}

GPU_TEST("keep_best keeps what the CPU keeps among many ties") {
  for (const int width : {1, 3, 7}) {
    for (const int keep : {1, 100, 1000, 1999}) {
      compare({{tied_votes(2000, 1), keep, 4, RKV_POOL_MAX, width},
               {tied_votes(2000, 2), keep, 4, RKV_POOL_AVG, width},
               {std::vector<float>(2000), keep, 0, RKV_POOL_AVG, width}});
    }
  }
}

GPU_TEST("keep_best always keeps the sinks") {
  std::vector<float> score = votes(200, 5);
  for (int i = 0; i < 8; i++) score[static_cast<size_t>(i)] = 0;
  for (const int keep : {1, 4, 5, 40}) {
    const std::vector<int32_t> kept = keep_best({{score, keep, 4, RKV_POOL_MAX, 1}})[0];
    for (int i = 0; i < std::min(keep, 4); i++) check_equal(kept[static_cast<size_t>(i)], i, "sink %d", i);
    compare({{score, keep, 4, RKV_POOL_MAX, 1}, {score, keep, 100, RKV_POOL_MAX, 3}});
  }
}

GPU_TEST("keep_best takes heads of different sizes, empty ones too") {
  compare(
      {{votes(7, 1), 3, 0, RKV_POOL_MAX, 63}, {{}, 0, 0, RKV_POOL_MAX, 63}, {votes(500, 3), 77, 2, RKV_POOL_AVG, 5}});
  compare({{{}, 0, 0, RKV_POOL_MAX, 63}});
}

GPU_TEST("keep_best takes both zeros for one") {
  compare({{{0.0f, -0.0f, 1.0f, -0.0f, 0.0f, 0.0f}, 3, 0, RKV_POOL_MAX, 1},
           {{-0.0f, 0.0f, 0.0f, -0.0f, 0.0f, 0.0f}, 2, 0, RKV_POOL_AVG, 3}});
}

}  // namespace rkv::test
