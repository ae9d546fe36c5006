// emu_faults <name>: runs one kernel with a mistake. Ends with 0 when nothing was noticed, 1 when a result was NaN;
// what the emulator or a sanitizer notices ends the program on its own. Without a name it lists them.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <vector>

#include "gpu/errors.h"
#include "gpu/intrinsics.h"

namespace rkv::test {

using namespace gpu;

namespace {

constexpr int kThreads = 64;

using Kernel = void (*)(const float* x, float* y);

struct Fault {
  const char* name;
  Kernel kernel;
  int blocks;
};

std::vector<Fault>& faults() {
  static std::vector<Fault> all;
  return all;
}

struct Register {
  Register(const char* name, Kernel kernel, int blocks = 1) { faults().push_back({name, kernel, blocks}); }
};

/// x, y [kThreads] in device memory, x in host memory for "host_pointer". @return whether y has a NaN.
bool run(const Fault& fault) {
  float *x, *y;
  std::vector<float> host(kThreads, 1.0f);
  check(cudaMalloc(&x, kThreads * sizeof(float)), "allocate");
  check(cudaMalloc(&y, kThreads * sizeof(float)), "allocate");
  check(cudaMemcpy(x, host.data(), kThreads * sizeof(float), cudaMemcpyHostToDevice), "upload");
  const float* in = std::strcmp(fault.name, "host_pointer") == 0 ? host.data() : x;
  check(launch(fault.kernel, fault.blocks, kThreads, 0, nullptr, in, y), "launch");
  check(cudaMemcpy(host.data(), y, kThreads * sizeof(float), cudaMemcpyDeviceToHost), "download");
  cudaFree(x);
  cudaFree(y);
  for (float v : host) {
    if (std::isnan(v)) return true;
  }
  return false;
}

#define FAULT(name)                                                         \
  __global__ void name##_kernel([[maybe_unused]] const float* x, float* y); \
  const Register registered_##name(#name, name##_kernel);                   \
  __global__ void name##_kernel([[maybe_unused]] const float* x, float* y)

FAULT(none) { y[threadIdx.x] = x[threadIdx.x]; }

FAULT(host_pointer) { y[threadIdx.x] = x[threadIdx.x]; }

// What ThreadSanitizer sees whatever the order.

FAULT(missing_syncthreads) {
  RKV_SHARED(float, s, [kThreads]);
  s[threadIdx.x] = x[threadIdx.x];
  y[threadIdx.x] = s[(threadIdx.x + 33) % kThreads];
}

FAULT(missing_syncwarp) {
  RKV_SHARED(float, s, [kThreads]);
  s[threadIdx.x] = x[threadIdx.x];
  y[threadIdx.x] = s[threadIdx.x ^ 1];
}

FAULT(all_write_one) {
  y[threadIdx.x] = x[threadIdx.x];
  y[0] = x[threadIdx.x];
}

FAULT(missing_second_syncthreads) {
  RKV_SHARED(float, s, [2]);
  float sum = 0;
  for (int round = 0; round < 3; round++) {
    if (threadIdx.x == 0) s[0] = x[round];
    __syncthreads();
    sum += s[0];
  }
  y[threadIdx.x] = sum;
}

// What poison shows.

FAULT(shared_read_before_written) {
  RKV_SHARED(float, s, [kThreads]);
  y[threadIdx.x] = x[threadIdx.x] + s[threadIdx.x];
}

FAULT(cp_async_read_before_wait) {
  RKV_SHARED(float, s, [kThreads]);
  cp_async<4>(&s[threadIdx.x], &x[threadIdx.x]);
  cp_async_commit();
  y[threadIdx.x] = s[threadIdx.x];
  cp_async_wait<0>();
}

FAULT(cp_async_wait_too_short) {
  RKV_SHARED(float, s, [2][kThreads]);
  for (int i = 0; i < 2; i++) {
    cp_async<4>(&s[i][threadIdx.x], &x[threadIdx.x]);
    cp_async_commit();
  }
  cp_async_wait<1>();
  y[threadIdx.x] = s[1][threadIdx.x];
  cp_async_wait<0>();
}

// What every build stops at.

FAULT(cp_async_never_waited_for) {
  RKV_SHARED(float, s, [kThreads]);
  cp_async<4>(&s[threadIdx.x], &x[threadIdx.x]);
  cp_async_commit();
  y[threadIdx.x] = 0;
}

FAULT(cp_async_misaligned) {
  RKV_SHARED(float, s, [kThreads + 4]);
  cp_async<16>(&s[threadIdx.x + 1], &x[threadIdx.x / 4 * 4]);
  cp_async_commit();
  cp_async_wait<0>();
  y[threadIdx.x] = 0;
}

FAULT(barrier_skipped_by_half) {
  if (threadIdx.x < 32) __syncthreads();
  y[threadIdx.x] = x[threadIdx.x];
}

FAULT(two_barriers_at_once) {
  if (threadIdx.x < 32) {
    __syncthreads();
  } else {
    __syncthreads();
  }
  y[threadIdx.x] = x[threadIdx.x];
}

FAULT(lane_missing_from_mask) {
  y[threadIdx.x] = 0;
  if (threadIdx.x < 32) y[threadIdx.x] = __shfl_xor_sync(0x55555555u, x[threadIdx.x], 2);
}

FAULT(lane_of_mask_never_comes) {
  y[threadIdx.x] = 0;
  if (threadIdx.x % 32 < 16) y[threadIdx.x] = __shfl_xor_sync(kFullWarp, x[threadIdx.x], 1);
}

FAULT(lanes_at_different_collectives) {
  y[threadIdx.x] = 0;
  if (threadIdx.x % 2 == 0) {
    y[threadIdx.x] = __shfl_xor_sync(kFullWarp, x[threadIdx.x], 1);
  } else {
    y[threadIdx.x] = __shfl_xor_sync(kFullWarp, x[threadIdx.x], 2);
  }
}

FAULT(deadlock) {
  y[threadIdx.x] = 0;
  if (threadIdx.x < 32) {
    named_barrier(1, 64);
  } else {
    named_barrier(2, 64);
  }
}

// What AddressSanitizer sees.

FAULT(shared_write_out_of_bounds) {
  RKV_SHARED(float, s, [kThreads]);
  s[threadIdx.x + 1] = x[threadIdx.x];
  y[threadIdx.x] = 0;
}

FAULT(global_write_out_of_bounds) { y[threadIdx.x + 1] = x[threadIdx.x]; }

FAULT(global_read_out_of_bounds) { y[threadIdx.x] = x[threadIdx.x + 1] * 0 + 1; }

// Four blocks hand over by a ticket in y[8], in bits.
__global__ void missing_threadfence_kernel(const float* x, float* y) {
  RKV_SHARED(bool, last, [1]);
  unsigned* ticket = reinterpret_cast<unsigned*>(y + 8);
  if (threadIdx.x == 0) {
    y[blockIdx.x] = x[blockIdx.x];
    // The ticket is poisoned: it starts at the largest unsigned.
    last[0] = atomicAdd(ticket, 1u) == gridDim.x - 2;
  }
  __syncthreads();
  if (last[0] && threadIdx.x >= 16) y[threadIdx.x] = y[threadIdx.x % 4];
}
const Register registered_missing_threadfence("missing_threadfence", missing_threadfence_kernel, 4);

}  // namespace
}  // namespace rkv::test

int main(int argc, char** argv) {
  for (const rkv::test::Fault& fault : rkv::test::faults()) {
    if (argc < 2) {
      std::printf("%s\n", fault.name);
    } else if (std::strcmp(fault.name, argv[1]) == 0) {
      const bool nan = rkv::test::run(fault);
      std::printf("%s: %s\n", fault.name, nan ? "a result is NaN" : "nothing was noticed");
      return nan ? 1 : 0;
    }
  }
  return argc < 2 ? 0 : 2;
}
