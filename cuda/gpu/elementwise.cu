// Ops that touch every element once: x += y, gate = silu(gate) * up, and copies within the device.
//
// Launch: one thread per 16 bytes, block 256; single elements where addresses are not aligned to 16 bytes. Bound by
// memory: 12 bytes per element of add and silu_mul, 2 per byte of copy.
// CPU reference: cpu/vector.kernel.cpp. add is exact; silu_mul within 2e-6 relative: another exponential.
#include "gpu/aligned.h"
#include "gpu/kernels.h"

namespace rkv::gpu {
namespace {

constexpr int kThreads = 256;

__device__ __forceinline__ int64_t thread_index() { return static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x; }

unsigned blocks_for(int64_t threads) { return static_cast<unsigned>((threads + kThreads - 1) / kThreads); }

struct UpdateParams {
  float* x;
  const float* y;
  int64_t count;
};

struct Add {
  __device__ float operator()(float x, float y) const { return x + y; }
};
struct SiluMul {
  __device__ float operator()(float gate, float up) const {
    return gate / (1.0f + expf(fminf(-gate, 88.0f))) * up;  // beyond 88 silu is 0 to any purpose, and exp overflows
  }
};

/// x = Fn(x, y).
template <class Fn, int kWidth>
__global__ void update_kernel(const UpdateParams* params) {
  const UpdateParams p = *params;
  const int64_t i = thread_index() * kWidth;
  if (i + kWidth <= p.count) {
    Vector<kWidth> x = load<kWidth>(p.x + i);
    const Vector<kWidth> y = load<kWidth>(p.y + i);
#pragma unroll
    for (int j = 0; j < kWidth; j++) x.at[j] = Fn{}(x.at[j], y.at[j]);
    store(p.x + i, x);
  } else {
    for (int64_t j = i; j < p.count; j++) p.x[j] = Fn{}(p.x[j], p.y[j]);
  }
}

template <class Fn>
void update(Launcher& launcher, const UpdateParams& params) {
  if (params.count == 0) return;
  if (aligned(params.x) && aligned(params.y)) {
    launcher.run(update_kernel<Fn, 4>, blocks_for((params.count + 3) / 4), kThreads, 0, params);
  } else {
    launcher.run(update_kernel<Fn, 1>, blocks_for(params.count), kThreads, 0, params);
  }
}

struct CopyParams {
  void* to;
  const void* from;
  size_t count;  // words
};

template <class Word>
__global__ void copy_kernel(const CopyParams* params) {
  const CopyParams p = *params;
  const auto i = static_cast<size_t>(thread_index());
  if (i < p.count) static_cast<Word*>(p.to)[i] = static_cast<const Word*>(p.from)[i];
}

template <class Word>
void start_copy(Launcher& launcher, void* to, const void* from, size_t bytes) {
  const size_t count = bytes / sizeof(Word);
  launcher.run(copy_kernel<Word>, blocks_for(static_cast<int64_t>(count)), kThreads, 0, CopyParams{to, from, count});
}

}  // namespace

void add(Launcher& launcher, float* x, const float* y, int64_t count) { update<Add>(launcher, {x, y, count}); }

void silu_mul(Launcher& launcher, float* gate, const float* up, int64_t count) {
  update<SiluMul>(launcher, {gate, up, count});
}

void copy(Launcher& launcher, void* to, const void* from, size_t bytes) {
  if (bytes == 0) return;
  if (aligned(to) && aligned(from) && bytes % kVectorBytes == 0) {
    start_copy<uint4>(launcher, to, from, bytes);
  } else {
    start_copy<uint8_t>(launcher, to, from, bytes);
  }
}

}  // namespace rkv::gpu
