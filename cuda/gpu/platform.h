// The one header through which kernel sources see CUDA: the real one, or the emulator in emu/ (RKV_EMU).
//
//   RKV_SHARED(float, tile, [32][33])   __shared__ float tile[32][33]
//   RKV_DYNAMIC_SHARED(bytes)           extern __shared__ unsigned char bytes[], aligned to 128
//   launch(kernel, grid, block, shared_bytes, stream, args...)   kernel<<<...>>>(args...) and its error
//
// Everything else is plain CUDA C++ and the functions of intrinsics.h. emu/README.md has the rules.
#pragma once

#include <cstddef>
#include <cstdint>
#include <tuple>

#ifdef RKV_EMU

#include "emu/cuda.h"

#else

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#define RKV_SHARED(type, name, ...) __shared__ type name __VA_ARGS__
#define RKV_DYNAMIC_SHARED(name) extern __shared__ __align__(128) unsigned char name[]

#endif

namespace rkv::gpu {

using bf16 = __nv_bfloat16;
using bf16x2 = __nv_bfloat162;
using f16 = __half;
using f16x2 = __half2;

constexpr unsigned kFullWarp = 0xffffffffu;

/// Dynamic shared memory that a kernel may have without asking.
constexpr size_t kDefaultSharedBytes = 48 * 1024;

#if defined(RKV_EMU)

using emu::launch;

#else

template <class... P, class... A>
cudaError_t launch(void (*kernel)(P...), dim3 grid, dim3 block, size_t shared_bytes, cudaStream_t stream, A... args) {
  if (shared_bytes > kDefaultSharedBytes) {
    const cudaError_t error =
        cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared_bytes));
    if (error != cudaSuccess) return error;
  }
  cudaLaunchConfig_t config = {};
  config.gridDim = grid;
  config.blockDim = block;
  config.dynamicSmemBytes = shared_bytes;
  config.stream = stream;
  std::tuple<P...> bound(static_cast<P>(args)...);
  return std::apply(
      [&](P&... each) {
        void* pointers[] = {&each...};
        return cudaLaunchKernelExC(&config, reinterpret_cast<const void*>(kernel), pointers);
      },
      bound);
}

#endif

}  // namespace rkv::gpu
