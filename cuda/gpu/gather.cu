// Copies of chosen cache rows: what an eviction keeps moves into a block of its own.
//
//   slots     [n]     i32  ascending
//   k, v      [n, d]  KV dtype  out
//   position  [n]     i32  out
//
// Launch: grid ceil(n / kRows), block kThreads, one warp per row, 16 bytes per lane and copy.
// Reads and writes 2 * row_bytes + 4 bytes per slot. CPU reference: cpu/gather.cpp, the same bytes.
#include "gpu/kernels.h"
#include "gpu/row_sums.cuh"

namespace rkv::gpu {
namespace {

constexpr int kThreads = 256;
constexpr int kRows = kThreads / kWarp;  // per block

struct GatherParams {
  CacheView cache;
  const int32_t* slots;
  uint4 *k, *v;
  int32_t* position;
  int n, row_vecs;  // row_vecs: 16-byte pieces of a row
};

__global__ void gather_kernel(const GatherParams* params) {
  const GatherParams& p = *params;
  const int row = static_cast<int>(blockIdx.x) * kRows + static_cast<int>(threadIdx.x) / kWarp;
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  if (row >= p.n) return;
  const int slot = p.slots[row];
  const SlotRun& run = *p.cache.find_run(slot);
  const int64_t from = int64_t{slot - run.begin} * p.row_vecs, to = int64_t{row} * p.row_vecs;
  const uint4* k = reinterpret_cast<const uint4*>(run.k) + from;
  const uint4* v = reinterpret_cast<const uint4*>(run.v) + from;
  for (int i = lane; i < p.row_vecs; i += kWarp) {
    p.k[to + i] = k[i];
    p.v[to + i] = v[i];
  }
  if (lane == 0) p.position[row] = run.position[slot - run.begin];
}

/// Rows of codes, and others between them: as elements of the KV dtype.
template <class T>
__global__ void gather_coded_kernel(const GatherParams* params) {
  using Rows = KvRows<T, true>;
  const GatherParams& p = *params;
  const int row = static_cast<int>(blockIdx.x) * kRows + static_cast<int>(threadIdx.x) / kWarp;
  if (row >= p.n) return;
  const int slot = p.slots[row], d = p.row_vecs * KvPiece<T>::kSize;
  const SlotRun& run = *p.cache.find_run(slot);
  const int64_t to = int64_t{row} * d + LaneDims::first();
  const LaneDims k(Rows::k(run, slot, d), d), v(Rows::v(run, slot, d), d);
  for (int i = 0; i < kRowStep && LaneDims::first() < d; i++) {
    reinterpret_cast<T*>(p.k)[to + i] = T(k.x[i]);
    reinterpret_cast<T*>(p.v)[to + i] = T(v.x[i]);
  }
  if (LaneDims::first() == 0) p.position[row] = run.position[slot - run.begin];
}

}  // namespace

void gather(Launcher& launcher, const HeadCache& cache, const int32_t* slots, int n, int d, DType kv, void* k, void* v,
            int32_t* position) {
  if (n == 0) return;
  const CacheView view = view_caches(launcher, std::span(&cache, 1))[0];
  const int row_vecs = static_cast<int>(row_bytes(kv, d) / sizeof(uint4));
  const auto kernel = !has_codes(cache) ? gather_kernel
                      : kv == RKV_F32   ? gather_coded_kernel<float>
                                        : gather_coded_kernel<bf16>;
  launcher.run(kernel, (n + kRows - 1) / kRows, kThreads, 0,
               GatherParams{view, slots, static_cast<uint4*>(k), static_cast<uint4*>(v), position, n, row_vecs});
}

}  // namespace rkv::gpu
