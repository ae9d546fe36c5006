// CUDA statuses as failures of the library.
#pragma once

#include "core/failure.h"
#include "gpu/platform.h"

namespace rkv::gpu {

/// @throws Failure RKV_E_MEMORY for cudaErrorMemoryAllocation, RKV_E_DEVICE for anything else but success.
inline void check(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  const rkv_status status = error == cudaErrorMemoryAllocation ? RKV_E_MEMORY : RKV_E_DEVICE;
  fail(status, "cannot %s: CUDA says \"%s\"", what, cudaGetErrorString(error));
}

}  // namespace rkv::gpu
