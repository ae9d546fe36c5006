// The running CUDA thread as its kernel sees it: keywords, threadIdx and its like, shared memory.
#pragma once

#include <cstddef>

#include "emu/vector_types.h"

#define __global__
#define __device__
#define __host__
#define __constant__ static
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __align__(n) alignas(n)
#define __restrict__ __restrict
#define __grid_constant__

namespace rkv::emu {

struct BlockView {
  uint3 index;
  dim3 dim, grid;
  char* shared;  // dynamic shared memory first, then the static variables
};

struct Lane {
  uint3 thread;
  int index;  // in its warp
  BlockView* view;
};

/// The CUDA thread that this OS thread is in. A fiber never moves to another OS thread and whoever resumes it sets
/// this, so that its kernel may keep the address in a register. initial-exec: one load, also inside a shared library.
extern __thread Lane* lane __attribute__((tls_model("initial-exec")));

/// The block's copy of a __shared__ variable; `key` is the address of a static of its declaration. Poisoned at first.
void* shared_variable(const void* key, size_t bytes, size_t alignment);

}  // namespace rkv::emu

#define threadIdx (::rkv::emu::lane->thread)
#define blockIdx (::rkv::emu::lane->view->index)
#define blockDim (::rkv::emu::lane->view->dim)
#define gridDim (::rkv::emu::lane->view->grid)
constexpr int warpSize = 32;

#define RKV_SHARED(type, name, ...)          \
  typedef type name##_shared __VA_ARGS__;    \
  static char name##_key;                    \
  auto& name = *static_cast<name##_shared*>( \
      ::rkv::emu::shared_variable(&name##_key, sizeof(name##_shared), alignof(name##_shared)))
#define RKV_DYNAMIC_SHARED(name) \
  unsigned char* const name = reinterpret_cast<unsigned char*>(::rkv::emu::lane->view->shared)
