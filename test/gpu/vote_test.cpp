#include <cmath>

#include "gpu/kernels.h"
#include "test_cache.h"

namespace rkv::test {
namespace {

struct Ballot {
  CacheShape shape;
  int window, group;
  int sliding_window = 0;
  int n_heads = 1;
  VoteSum sum = VoteSum::kGroup;
  int n_scored = -1;  // all but the window
  bool add = false, diagonals = false;
};

int scored(const Ballot& b, const HeadCache& cache) { return b.n_scored < 0 ? cache.n - b.window : b.n_scored; }

/// Scores of all heads, one after the other, and diagonals.
struct Votes {
  std::vector<float> score, diagonals;
};

/// What is there before the vote: numbers that `add` adds to.
Votes blank(const Ballot& b, const HeadCache& cache) {
  const size_t lists = static_cast<size_t>(b.n_heads) * (b.sum == VoteSum::kHead ? b.group : 1);
  const size_t distances = b.diagonals ? static_cast<size_t>(b.n_heads) * b.group * cache.n : 0;
  return {random_floats(lists * static_cast<size_t>(scored(b, cache)), 5, 0, 1), std::vector<float>(distances, -1)};
}

/// Queries of all KV heads side by side, as a session keeps them.
std::vector<float> queries(const Ballot& b) {
  return random_floats(static_cast<size_t>(b.window) * static_cast<size_t>(b.n_heads * b.group * b.shape.d), 9, -2, 2);
}

std::vector<VoteHead> heads(const Ballot& b, const std::vector<HeadCache>& caches, const float* q, float* score,
                            float* diagonals) {
  std::vector<VoteHead> all;
  const int row = b.group * b.shape.d, n = scored(b, caches[0]), lists = b.sum == VoteSum::kHead ? b.group : 1;
  for (int h = 0; h < b.n_heads; h++)
    all.push_back({caches[static_cast<size_t>(h)], q + h * row, b.n_heads * row, b.window, b.sliding_window, n, b.sum,
                   b.add, score + h * lists * n, b.diagonals ? diagonals + h * b.group * caches[0].n : nullptr});
  return all;
}

Votes vote_on_cpu(const Ballot& b, const TestCaches& caches) {
  const std::vector<float> q = queries(b);
  Votes votes = blank(b, caches[0].host());
  cpu().vote(heads(b, caches.host(), q.data(), votes.score.data(), votes.diagonals.data()), b.group, b.shape.d,
             b.shape.kv);
  return votes;
}

Votes vote(const Ballot& b, const TestCaches& caches) {
  const DeviceArray<float> q(queries(b));
  const Votes before = blank(b, caches[0].host());
  const DeviceArray<float> score(before.score), diagonals(before.diagonals);
  gpu::vote(launcher(), scratch(), heads(b, caches.device(), q.data(), score.data(), diagonals.data()), b.group,
            b.shape.d, b.shape.kv);
  return {score.download(), diagonals.download()};
}

/// Votes are small where there are many tokens, so their ratio has to be 1; what is out of sight gets exactly 0.
void check_votes(const Ballot& b, std::vector<float> found, std::vector<float> wanted, const char* what) {
  for (size_t i = 0; i < found.size(); i++) {
    if (wanted[i] == 0) continue;
    found[i] /= wanted[i], wanted[i] = 1;
  }
  check_close(found, wanted, 1e-5f, "%s: window %d, group %d, head dim %d, %s, sliding window %d", what, b.window,
              b.group, b.shape.d, dtype_name(b.shape.kv), b.sliding_window);
}

void compare(Ballot b) {
  for (const DType kv : {RKV_F32, RKV_BF16}) {
    b.shape.kv = kv;
    const TestCaches caches(b.shape, b.n_heads, 21);
    const Votes found = vote(b, caches), wanted = vote_on_cpu(b, caches);
    check_votes(b, found.score, wanted.score, "scores");
    check_votes(b, found.diagonals, wanted.diagonals, "diagonals");
  }
}

/// The 40 tokens that a vote keeps.
std::vector<int32_t> keep(const std::vector<float>& votes) {
  std::vector<int32_t> kept(40);
  const KeepHead head{votes.data(), static_cast<int32_t>(votes.size()), 40, 0, RKV_POOL_MAX, 7, false, kept.data()};
  cpu().keep_best(std::span(&head, 1));
  return kept;
}

}  // namespace

GPU_TEST("vote works for every head dim") {
  for (const int d : {8, 16, 24, 64, 80, 96, 104, 128, 256}) compare({{{100}, d, RKV_F32}, 20, 2});
}

GPU_TEST("vote works for every window and group") {
  for (const int window : {1, 2, 31, 32, 33, 64, 128}) compare({{{200}, 64, RKV_F32}, window, 3});
  for (const int group : {1, 2, 4, 5, 8, 16}) compare({{{90}, 64, RKV_F32}, 32, group});
  compare({{{300}, 64, RKV_F32}, 128, 16});
}

GPU_TEST("vote takes awkward numbers of tokens") {
  for (const int n : {33, 63, 64, 65, 96, 97, 511, 512, 513, 1100, 2000}) compare({{{n}, 64, RKV_F32}, 32, 2});
}

GPU_TEST("vote takes several heads and follows runs") {
  compare({{{1, 31, 0, 32, 33, 100, 400, 2}, 64, RKV_F32, 3}, 32, 4, 0, 3});
}

GPU_TEST("vote sees back by positions within a sliding window") {
  for (const int window : {1, 31, 64, 100, 700}) {
    compare({{{600}, 64, RKV_F32}, 32, 2, window});
    compare({{{50, 7, 543}, 64, RKV_F32, 4}, 32, 2, window});
  }
}

GPU_TEST("vote adds up to window times group with what goes to the window itself") {
  const Ballot b = {{{400}, 64, RKV_BF16}, 1, 4};
  const TestCaches caches(b.shape, 1, 21);
  double sum = 0;
  for (const float v : vote(b, caches).score) sum += v;
  check_true(sum > 3 && sum < 4, "a window of one token, four heads: its votes for others are most of 4");
}

GPU_TEST("vote makes keep_best keep the same tokens as on the CPU") {
  for (const DType kv : {RKV_F32, RKV_BF16}) {
    const Ballot b = {{{600}, 64, kv}, 32, 4};
    const TestCaches caches(b.shape, b.n_heads, 33);
    check_equal(keep(vote(b, caches).score), keep(vote_on_cpu(b, caches).score), "%s", dtype_name(kv));
  }
}

GPU_TEST("vote takes the largest of a group, or a list per query head, over any number of slots") {
  for (const VoteSum sum : {VoteSum::kGroup, VoteSum::kMax, VoteSum::kHead}) {
    for (const int n_scored : {1, 64, 137, 150}) compare({{{150}, 24, RKV_F32}, 33, 3, 0, 2, sum, n_scored});
    compare({{{1, 99, 30}, 16, RKV_F32, 2}, 70, 2, 40, 2, sum, 130});
    compare({{{70}, 64, RKV_F32}, 1, 8, 0, 1, sum, 70});
  }
}

GPU_TEST("vote adds to scores of earlier calls") {
  for (const VoteSum sum : {VoteSum::kGroup, VoteSum::kMax, VoteSum::kHead})
    compare({{{100}, 16, RKV_F32}, 100, 2, 0, 2, sum, 100, true});
  compare({{{513}, 16, RKV_F32}, 1, 4, 0, 1, VoteSum::kGroup, 513, true});
}

GPU_TEST("vote sums by distance") {
  for (const int n : {64, 65, 127, 200}) compare({{{n}, 16, RKV_F32}, 64, 2, 0, 2, VoteSum::kGroup, n, false, true});
  for (const int window : {1, 31, 63, 65, 128})
    compare({{{40, 110}, 24, RKV_F32}, window, 1, 0, 1, VoteSum::kMax, 9, false, true});
  compare({{{140}, 64, RKV_F32}, 40, 2, 50, 1, VoteSum::kHead, 100, false, true});
}

GPU_TEST("vote reads codes") {
  for (const int bits : {2, 4, 8})
    compare({coded({{96, 16, 30}, 16, RKV_F32}, 2, bits, 16), 40, 2, 0, 2, VoteSum::kMax, 100, false, true});
}

GPU_TEST("vote of no heads or on no tokens does nothing") {
  gpu::vote(launcher(), scratch(), {}, 2, 64, RKV_F32);
  const TestCaches caches({{8}, 64, RKV_F32}, 1, 1);
  const DeviceArray<float> q(8 * 2 * 64);
  const VoteHead head{caches[0].device(), q.data(), 2 * 64, 8, 0, 0, VoteSum::kGroup, false, nullptr, nullptr};
  gpu::vote(launcher(), scratch(), std::span(&head, 1), 2, 64, RKV_F32);
}

}  // namespace rkv::test
