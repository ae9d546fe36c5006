// Behind a decode step: the token with the lowest score goes, the last row takes its place.
//
//   k, v      [n, d]  KV dtype  in and out
//   position  [n]     i32       in and out; not ascending any more
//   score     [n]     f32       in; out where it moves with its row
//
// Of equal scores the lower position goes. A head whose scores move shares them with no other head of the call, so that
// heads do not wait for each other.
//
// Launch: grid heads, block kThreads: reads n scores and positions, moves one row. Lengths come from the parameters:
// the launch repeats from step to step. CPU reference: cpu/evict_step.cpp, the same bytes.
#include "gpu/kernels.h"
#include "gpu/reduce.cuh"

namespace rkv::gpu {
namespace {

constexpr int kThreads = 256;

struct EvictParams {
  const StepHead* heads;
  int row_vecs;  // 16-byte pieces of a row
};

/// A token that may go.
struct Candidate {
  float score;
  int position, slot;  // slot -1: none

  __device__ bool goes_before(const Candidate& other) const {
    if (other.slot < 0) return slot >= 0;
    if (slot < 0) return false;
    return score < other.score || (score == other.score && position < other.position);
  }
};

__device__ Candidate warp_worst(Candidate own) {
#pragma unroll
  for (int bit = kWarp / 2; bit > 0; bit /= 2) {
    const Candidate other{__shfl_xor_sync(kFullWarp, own.score, bit), __shfl_xor_sync(kFullWarp, own.position, bit),
                          __shfl_xor_sync(kFullWarp, own.slot, bit)};
    if (other.goes_before(own)) own = other;
  }
  return own;
}

/// The slot that goes, or -1. Whole block.
__device__ int worst_slot(const StepHead& head) {
  RKV_SHARED(Candidate, of_warp, [kMaxWarps]);
  Candidate worst{0, 0, -1};
  for (int slot = threadIdx.x; slot < head.n; slot += kThreads) {
    const Candidate own{head.score[slot], head.position[slot], slot};
    if (own.position >= head.sinks && own.position < head.newest && own.goes_before(worst)) worst = own;
  }
  worst = warp_worst(worst);
  const int lane = static_cast<int>(threadIdx.x) % kWarp, warp = static_cast<int>(threadIdx.x) / kWarp;
  if (lane == 0) of_warp[warp] = worst;
  __syncthreads();
  return warp_worst(lane < kThreads / kWarp ? of_warp[lane] : Candidate{0, 0, -1}).slot;
}

__global__ void __launch_bounds__(kThreads) evict_step_kernel(const EvictParams* params) {
  const StepHead& head = params->heads[blockIdx.x];
  const int worst = worst_slot(head), last = head.n - 1;
  if (worst < 0) return;
  const int64_t from = int64_t{last} * params->row_vecs, to = int64_t{worst} * params->row_vecs;
  uint4* const k = static_cast<uint4*>(head.k);
  uint4* const v = static_cast<uint4*>(head.v);
  if (worst != last) {
    for (int i = threadIdx.x; i < params->row_vecs; i += kThreads) {
      k[to + i] = k[from + i];
      v[to + i] = v[from + i];
    }
  }
  if (threadIdx.x != 0) return;
  head.position[worst] = head.position[last];
  if (!head.moves_score) return;
  head.score[worst] = head.score[last];
  head.score[last] = 0;  // the token that comes next has none yet
}

}  // namespace

void evict_step(Launcher& launcher, std::span<const StepHead> heads, int d, DType kv) {
  if (heads.empty()) return;
  const int row_vecs = static_cast<int>(row_bytes(kv, d) / static_cast<int64_t>(sizeof(uint4)));
  launcher.run(evict_step_kernel, static_cast<unsigned>(heads.size()), kThreads, 0,
               EvictParams{launcher.stage(heads), row_vecs});
}

}  // namespace rkv::gpu
