// Which of the voted tokens stay: pool the votes, take the `keep` best of n, in ascending order.
//
//   score  [n]     f32  votes before pooling
//   kept   [keep]  i32  out: ascending, the first `sinks` always among them
//
// A wide pool makes plateaus, so ties are the rule: higher pooled score, then higher vote (unless tie_by_position),
// then lower index. Every token gets an integer that orders as (pooled, vote) does: for MAX both as f32 in 64 bits, for
// AVG the f64 average, with the vote looked up only among equals. A radix select finds the border, then the tokens
// above it and the first ones on it are written by their rank among both.
//
// Launches: pool_votes  grid (ceil(n / kPoolThreads), heads), one thread per token: `pool_width` reads from L1 each
//           keep_best   grid heads, block kSelectThreads: up to 8 (AVG 12) passes over 8-byte keys and two more
// CPU reference: cpu/keep_best.cpp, the same tokens: averages add up in the same order.
#include <algorithm>

#include "gpu/kernels.h"
#include "gpu/radix_select.cuh"

namespace rkv::gpu {
namespace {

constexpr int kPoolThreads = 256, kSelectThreads = 1024;

struct KeepParams {
  const KeepHead* heads;
  uint64_t* keys;  // [heads, pitch]
  int64_t pitch;
};

/// Bits that order as the numbers do; both zeros are one.
__device__ __forceinline__ uint32_t ordered(float x) {
  const uint32_t bits = __float_as_uint(x + 0.0f);
  return (bits >> 31) != 0 ? ~bits : bits | 0x80000000u;
}
__device__ __forceinline__ uint64_t ordered(double x) {
  const double positive_zero = x + 0.0;
  uint64_t bits;
  memcpy(&bits, &positive_zero, sizeof bits);
  return (bits >> 63) != 0 ? ~bits : bits | uint64_t{1} << 63;
}

__device__ __forceinline__ bool averages(const KeepHead& head) {
  return head.pool == RKV_POOL_AVG && head.pool_width > 1;
}
/// Whether votes decide that keys do not hold.
__device__ __forceinline__ bool asks_votes(const KeepHead& head) { return averages(head) && !head.tie_by_position; }

__global__ void pool_votes_kernel(const KeepParams* params) {
  const KeepHead& head = params->heads[blockIdx.y];
  const int i = static_cast<int>(blockIdx.x * kPoolThreads + threadIdx.x);
  if (i >= head.n) return;
  const int half = (head.pool_width - 1) / 2;
  const int from = max(i - half, 0), to = i + min(half, head.n - 1 - i);
  uint64_t key;
  if (averages(head)) {
    double sum = 0;
    for (int j = from; j <= to; j++) sum += head.score[j];
    key = ordered(sum / (2.0 * half + 1));
  } else {
    float best = head.score[i];
    for (int j = from; j <= to; j++) best = fmaxf(best, head.score[j]);
    key = uint64_t{ordered(best)} << 32 | (head.tie_by_position ? 0 : ordered(head.score[i]));
  }
  params->keys[blockIdx.y * params->pitch + i] = key;
}

/// Where the tokens that stay end: they are all with a higher key, or the same key and a higher vote, and the first
/// `last` of those that have both.
struct Border {
  uint64_t key;
  uint32_t vote;  // 0 where the key says all
  int last;
};

__device__ Border find_border(const KeepHead& head, const uint64_t* keys, int sinks, RadixShared& shared) {
  if (head.keep == sinks) return {~uint64_t{0}, ~0u, 0};
  const Threshold<uint64_t> pooled =
      radix_select<uint64_t>(head.n, head.keep - sinks, shared, [&](int i, uint64_t* key) {
        *key = keys[i];
        return i >= sinks;
      });
  if (!asks_votes(head) || pooled.all) return {pooled.value, 0, pooled.equal};
  const Threshold<uint32_t> vote = radix_select<uint32_t>(head.n, pooled.equal, shared, [&](int i, uint32_t* key) {
    *key = ordered(head.score[i]);
    return i >= sinks && keys[i] == pooled.value;
  });
  return {pooled.value, vote.value, vote.equal};
}

/// One block per head. After the border is found every warp counts in a stretch of its own, then writes it.
__global__ void keep_best_kernel(const KeepParams* params) {
  RKV_SHARED(RadixShared, radix);
  RKV_SHARED(uint64_t, sums, [kMaxWarps]);
  const KeepHead& head = params->heads[blockIdx.x];
  const uint64_t* keys = params->keys + blockIdx.x * params->pitch;
  const int sinks = max(min(min(head.sinks, head.keep), head.n), 0);
  const Border border = find_border(head, keys, sinks, radix);

  const int lane = static_cast<int>(threadIdx.x) % kWarp, warp = static_cast<int>(threadIdx.x) / kWarp;
  const int stretch = (head.n + kSelectThreads - 1) / kSelectThreads * kWarp;
  const int begin = warp * stretch, end = min(begin + stretch, head.n);
  const bool by_vote = asks_votes(head);
  // Bits of the lanes whose token is above the border, and of those whose token is on it.
  const auto classify = [&](int i, unsigned* above, unsigned* on) {
    const uint64_t key = i < end ? keys[i] : 0;
    const uint32_t vote = by_vote && key == border.key && i < end ? ordered(head.score[i]) : 0;
    const bool is_above = i < end && (i < sinks || key > border.key || (key == border.key && vote > border.vote));
    *above = __ballot_sync(kFullWarp, is_above);
    *on = __ballot_sync(kFullWarp, i < end && !is_above && key == border.key && vote == border.vote);
  };

  int n_above = 0, n_on = 0;
  for (int from = begin; from < end; from += kWarp) {
    unsigned above, on;
    classify(from + lane, &above, &on);
    n_above += __popc(above), n_on += __popc(on);
  }
  uint64_t total;
  const uint64_t counts = lane == 0 ? static_cast<uint64_t>(n_above) << 32 | static_cast<uint32_t>(n_on) : 0;
  const uint64_t before = __shfl_sync(kFullWarp, block_exclusive_sum(counts, sums, &total), 0);
  n_above = static_cast<int>(before >> 32), n_on = static_cast<int>(before);
  for (int from = begin; from < end; from += kWarp) {
    unsigned above, on;
    classify(from + lane, &above, &on);
    const unsigned earlier = (1u << lane) - 1;
    const int rank_on = n_on + __popc(on & earlier);
    const bool stays = (above >> lane & 1) != 0 || ((on >> lane & 1) != 0 && rank_on < border.last);
    if (stays) head.kept[n_above + __popc(above & earlier) + min(rank_on, border.last)] = from + lane;
    n_above += __popc(above), n_on += __popc(on);
  }
}

}  // namespace

void keep_best(Launcher& launcher, Scratch& scratch, std::span<const KeepHead> heads) {
  int most = 0;
  for (const KeepHead& head : heads) most = std::max(most, head.n);
  if (most == 0) return;
  const int n_heads = static_cast<int>(heads.size());
  const KeepParams params{launcher.stage(heads), scratch.get<uint64_t>(heads.size() * most), most};
  const dim3 grid((most + kPoolThreads - 1) / kPoolThreads, n_heads);
  launcher.run(pool_votes_kernel, grid, kPoolThreads, 0, params);
  launcher.run(keep_best_kernel, n_heads, kSelectThreads, 0, params);
}

}  // namespace rkv::gpu
