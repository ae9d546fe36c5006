#include <cmath>
#include <deque>

#include "gpu/kernels.h"
#include "test_cache.h"

namespace rkv::test {
namespace {

struct Ballot {
  CacheShape shape;
  int window, group;
  int sliding_window = 0;
  int n_heads = 1;
};

using Votes = std::vector<std::vector<float>>;  // [heads][n - window]

/// Queries of all KV heads side by side, as a session keeps them.
std::vector<float> queries(const Ballot& b) {
  return random_floats(static_cast<size_t>(b.window) * static_cast<size_t>(b.n_heads * b.group * b.shape.d), 9, -2, 2);
}

std::vector<VoteHead> heads(const Ballot& b, const std::vector<HeadCache>& caches, const float* q,
                            const std::vector<float*>& score) {
  std::vector<VoteHead> all;
  for (int h = 0; h < b.n_heads; h++)
    all.push_back({caches[static_cast<size_t>(h)], q + h * b.group * b.shape.d, b.n_heads * b.group * b.shape.d,
                   b.window, b.sliding_window, caches[static_cast<size_t>(h)].n - b.window, VoteSum::kGroup, false,
                   score[static_cast<size_t>(h)], nullptr});
  return all;
}

Votes vote_on_cpu(const Ballot& b, const TestCaches& caches) {
  const std::vector<float> q = queries(b);
  Votes votes(static_cast<size_t>(b.n_heads), std::vector<float>(static_cast<size_t>(caches[0].host().n - b.window)));
  std::vector<float*> score;
  for (std::vector<float>& v : votes) score.push_back(v.data());
  cpu().vote(heads(b, caches.host(), q.data(), score), b.group, b.shape.d, b.shape.kv);
  return votes;
}

Votes vote(const Ballot& b, const TestCaches& caches) {
  const DeviceArray<float> q(queries(b));
  std::deque<DeviceArray<float>> device;
  std::vector<float*> score;
  for (int h = 0; h < b.n_heads; h++)
    score.push_back(device.emplace_back(static_cast<size_t>(caches[0].host().n - b.window)).data());
  gpu::vote(launcher(), scratch(), heads(b, caches.device(), q.data(), score), b.group, b.shape.d, b.shape.kv);
  Votes votes;
  for (const DeviceArray<float>& d : device) votes.push_back(d.download());
  return votes;
}

/// Votes are small where there are many tokens, so their ratio has to be 1; what is out of sight gets exactly 0.
void check_votes(const Ballot& b, Votes found, Votes wanted) {
  for (size_t h = 0; h < found.size(); h++) {
    for (size_t i = 0; i < found[h].size(); i++) {
      if (wanted[h][i] == 0) continue;
      found[h][i] /= wanted[h][i], wanted[h][i] = 1;
    }
    check_close(found[h], wanted[h], 1e-5f, "head %zu of %d, window %d, group %d, head dim %d, %s, sliding window %d",
                h, b.n_heads, b.window, b.group, b.shape.d, dtype_name(b.shape.kv), b.sliding_window);
  }
}

void compare(Ballot b) {
  for (const DType kv : {RKV_F32, RKV_BF16}) {
    b.shape.kv = kv;
    const TestCaches caches(b.shape, b.n_heads, 21);
    check_votes(b, vote(b, caches), vote_on_cpu(b, caches));
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
  const Votes found = vote(b, caches);
  for (const float v : found[0]) sum += v;
  check_true(sum > 3 && sum < 4, "a window of one token, four heads: its votes for others are most of 4");
}

GPU_TEST("vote makes keep_best keep the same tokens as on the CPU") {
  for (const DType kv : {RKV_F32, RKV_BF16}) {
    const Ballot b = {{{600}, 64, kv}, 32, 4, 0, 2};
    const TestCaches caches(b.shape, b.n_heads, 33);
    const Votes found = vote(b, caches), wanted = vote_on_cpu(b, caches);
    for (size_t h = 0; h < found.size(); h++) check_equal(keep(found[h]), keep(wanted[h]), "head %zu", h);
  }
}

GPU_TEST("vote of no heads or on no tokens does nothing") {
  gpu::vote(launcher(), scratch(), {}, 2, 64, RKV_F32);
  const TestCaches caches({{8}, 64, RKV_F32}, 1, 1);
  const DeviceArray<float> q(8 * 2 * 64);
  const VoteHead head{caches[0].device(), q.data(), 2 * 64, 8, 0, 0, VoteSum::kGroup, false, nullptr, nullptr};
  gpu::vote(launcher(), scratch(), std::span(&head, 1), 2, 64, RKV_F32);
}

}  // namespace rkv::test
