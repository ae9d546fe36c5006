// Failures on demand, for tests of what the program does then.
#pragma once

#include <cstddef>
#include <cstdint>

#include "emu/errors.h"

namespace rkv::emu {

/// Bytes of device memory there are.
size_t memory_limit();
/// The error of this cudaMalloc() or launch, if it is the one that shall fail.
cudaError_t injected_malloc_error();
cudaError_t injected_launch_error();

/// Whether no device goes on after `error`; it shows when the kernel runs, not when it is launched.
inline bool is_fatal(cudaError_t error) { return error == cudaErrorIllegalAddress || error == cudaErrorLaunchFailure; }

}  // namespace rkv::emu

extern "C" {
/// Let the n-th cudaMalloc() from now fail with a code of cudaError_t; n = 1 is the next, 0 none.
__attribute__((visibility("default"))) void rkv_emu_fail_malloc(int32_t n, int32_t error);
/// The same for launches.
__attribute__((visibility("default"))) void rkv_emu_fail_launch(int32_t n, int32_t error);
/// Device memory in bytes from now on; 0 sets it back.
__attribute__((visibility("default"))) void rkv_emu_limit_memory(uint64_t bytes);
/// Make a lost device usable again and forget all of the above.
__attribute__((visibility("default"))) void rkv_emu_reset(void);
}
