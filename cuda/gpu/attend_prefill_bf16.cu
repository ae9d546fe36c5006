// Causal attention of new tokens over a bf16 cache, in tensor cores (FlashAttention-2, arXiv:2307.08691).
//
//   q, out  [n, n_kv_heads, group, d]  f32   token i sees the slots before cache.n - n + i + 1, within the window
//   cache   K, V [cache.n, d]          bf16  in runs; the new tokens are the last n slots
//
// A block holds kRows rows of queries, see PrefillParams, and passes over 64 keys at a time. A warp keeps 16 * kSlabs
// rows to itself from scores to output: the accumulators of Q K^T are the operands of P V as they lie, so that P never
// leaves registers. Two slabs share every fragment of K and V, which halves the reads of shared memory that bind this
// kernel. K and V have a buffer each: V loads during Q K^T, the next K during softmax and P V. Rows of shared memory
// are padded by 16 bytes, an odd number of them in all, so that ldmatrix meets no bank conflicts for any head dim. Keys
// are masked only in tiles that some row of the block sees in part.
//
// Q and P are rounded to bf16 (relative error 2^-9 each), P before it is summed; sums are f32. A token's result does
// not depend on the cut of the prompt into calls or of the cache into runs: tiles begin at multiples of 64 slots.
//
// Launch: grid (heads, tiles of rows), block 4 warps, shared memory (kRows + 128) * (kDim + 8) * 2 bytes and 8 per row.
// 2 * d multiply-adds per query head and visible key. CPU reference: cpu/attend_prefill.cpp.
#include "gpu/attend_prefill_warp.cuh"

namespace rkv::gpu {
namespace {

using namespace prefill;

constexpr int kThreads = 128, kWarps = kThreads / kWarp;

/// `kDim`: d rounded up to what there is a kernel for; the dims behind d are zeros. `kSlabs`: 16-row slabs per warp.
template <int kDim, int kSlabs>
struct Tile {
  static constexpr int kRows = kWarps * kSlabs * 16;
  static constexpr int kPitch = kRowPitch<kDim>;
  static constexpr int kChunks = kDim / kChunk;  // of a row
  static constexpr size_t kSharedBytes = (kRows + 2 * kKeys) * kPitch * sizeof(bf16) + kRows * sizeof(Seen);
};

/// Rows of queries to shared memory, rounded; zeros behind the last row and the last dim.
template <int kDim, int kSlabs>
__device__ void load_queries(const PrefillParams& p, int head, int first_row, bf16* to) {
  using T = Tile<kDim, kSlabs>;
  for (int i = threadIdx.x; i < T::kRows * T::kChunks; i += kThreads) {
    const int row = i / T::kChunks, dim = i % T::kChunks * kChunk;
    uint4 chunk = {0, 0, 0, 0};
    if (p.is_row(first_row + row) && dim < p.d) {
      const float4* from = reinterpret_cast<const float4*>(p.q + p.offset(head, first_row + row) + dim);
      const float4 a = from[0], b = from[1];
      chunk = {pack_bf16(a.x, a.y), pack_bf16(a.z, a.w), pack_bf16(b.x, b.y), pack_bf16(b.z, b.w)};
    }
    *reinterpret_cast<uint4*>(to + row * T::kPitch + dim) = chunk;
  }
}

/// Start copying the rows of slots [slot, slot + kKeys) below `end`, with zeros behind them. `rows`: &SlotRun::k or v.
/// `run` is that of an earlier slot, and moves on.
template <int kDim>
__device__ void load_tile(const SlotRun*& run, const uint8_t* SlotRun::*rows, int slot, int end, int d, bf16* to) {
  using T = Tile<kDim, 1>;
  while (run->end <= slot) run++;
  const auto copy = [&](const SlotRun* holder, int i) {
    const int key = i / T::kChunks, dim = i % T::kChunks * kChunk;
    const bool valid = slot + key < end && dim < d;
    const bf16* base = reinterpret_cast<const bf16*>(holder->*rows);
    const bf16* from = valid ? base + int64_t{slot + key - holder->begin} * d + dim : base;
    cp_async<16>(to + key * T::kPitch + dim, from, valid);
  };
  constexpr int kCopies = kKeys * T::kChunks;
  if (run->end >= min(slot + kKeys, end)) {
#pragma unroll 4  // more costs registers
    for (int c = 0; c < kCopies / kThreads; c++) copy(run, c * kThreads + static_cast<int>(threadIdx.x));
  } else {
    for (int i = threadIdx.x; i < kCopies; i += kThreads) {
      const SlotRun* holder = run;
      while (holder->end <= min(slot + i / T::kChunks, end - 1)) holder++;
      copy(holder, i);
    }
  }
  cp_async_commit();
}

template <int kDim, int kSlabs>
__global__ void __launch_bounds__(kThreads) attend_prefill_bf16_kernel(const PrefillParams* params) {
  using T = Tile<kDim, kSlabs>;
  RKV_DYNAMIC_SHARED(shared);
  bf16* q = reinterpret_cast<bf16*>(shared);
  bf16* k = q + T::kRows * T::kPitch;
  bf16* v = k + kKeys * T::kPitch;
  Seen* seen = reinterpret_cast<Seen*>(v + kKeys * T::kPitch);  // [kRows]

  const PrefillParams& p = *params;
  const int head = blockIdx.x, first_row = p.first_row(T::kRows);
  const CacheView& cache = p.heads[head];
  for (int i = threadIdx.x; i < T::kRows; i += kThreads) {
    const int token = p.token_of(first_row + i);
    seen[i] = {p.first_seen(cache, token), p.end_seen(cache, token)};
  }
  load_queries<kDim, kSlabs>(p, head, first_row, q);

  const int own = threadIdx.x / kWarp * kSlabs * 16;  // first row of the warp
  WarpRows<kDim, kSlabs> rows;
#pragma unroll
  for (int s = 0; s < kSlabs; s++) {
#pragma unroll
    for (int half = 0; half < 2; half++) rows.top[s][half] = -INFINITY, rows.sum[s][half] = 0;
#pragma unroll
    for (int n = 0; n < kDim / 8; n++)
      rows.out[s][n][0] = rows.out[s][n][1] = rows.out[s][n][2] = rows.out[s][n][3] = 0;
  }
  __syncthreads();

  const int begin = seen[0].begin / kKeys * kKeys, end = seen[T::kRows - 1].end;
  const SlotRun* run = cache.find_run(begin);
  load_tile<kDim>(run, &SlotRun::k, begin, end, p.d, k);
  for (int slot = begin; slot < end; slot += kKeys) {
    cp_async_wait<0>();
    __syncthreads();  // K is there, and nobody reads the old V any more
    load_tile<kDim>(run, &SlotRun::v, slot, end, p.d, v);
    multiply_keys<kDim, kSlabs>(q + own * T::kPitch, k, rows);
    const bool in_part = slot < seen[T::kRows - 1].begin || slot + kKeys > seen[0].end;  // by some row
    if (in_part) mask(slot, seen + own, rows);
    cp_async_wait<0>();
    __syncthreads();  // V is there, and nobody reads K any more
    if (slot + kKeys < end) load_tile<kDim>(run, &SlotRun::k, slot + kKeys, end, p.d, k);
    soften(p.scale, rows);
    multiply_values<kDim, kSlabs>(v, rows);
  }
  store_out(p, head, first_row + own, rows);
}

template <int kDim, int kSlabs>
void start(Launcher& launcher, const PrefillParams& params) {
  using T = Tile<kDim, kSlabs>;
  const dim3 grid(params.n_heads, (params.n * params.group + T::kRows - 1) / T::kRows);
  launcher.run(attend_prefill_bf16_kernel<kDim, kSlabs>, grid, kThreads, T::kSharedBytes, params);
}

/// Two slabs when there are rows enough to keep the device busy that way. A row's result is the same in both.
template <int kDim>
void start(Launcher& launcher, const PrefillParams& params) {
  const int64_t blocks = int64_t{params.n} * params.group * params.n_heads / Tile<kDim, 2>::kRows;
  if (blocks >= launcher.multiprocessors())
    start<kDim, 2>(launcher, params);
  else
    start<kDim, 1>(launcher, params);
}

}  // namespace

void attend_prefill_bf16(Launcher& launcher, const PrefillParams& params) {
  if (params.d <= 64)
    start<64>(launcher, params);
  else if (params.d <= 80)
    start<80>(launcher, params);
  else if (params.d <= 96)
    start<96>(launcher, params);
  else if (params.d <= 128)
    start<128>(launcher, params);
  else
    start<256, 1>(launcher, params);  // two slabs would not fit the registers
}

}  // namespace rkv::gpu
