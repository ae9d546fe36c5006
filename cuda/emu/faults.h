// Failures on demand, for tests of what the program does then.
#pragma once

#include <cstddef>
#include <cstdint>

#include "emu/errors.h"

namespace rkv::emu {

/// Bytes of device memory there are.
size_t memory_limit();
/// The error of this call, cudaMalloc() or launch, if it is the one that shall fail.
cudaError_t injected_call_error();
cudaError_t injected_malloc_error();
cudaError_t injected_launch_error();

struct Machine {
  int devices = 1;      // all with the same memory
  int capability = 80;  // 80 is 8.0
  int driver = 13000;   // 13000 is CUDA 13.0; 0: no driver
};
const Machine& machine();
/// Why the machine cannot be used: no device, no driver or an old one.
cudaError_t machine_error();

/// Whether no device goes on after `error`; it shows when the kernel runs, not when it is launched.
inline bool is_fatal(cudaError_t error) { return error == cudaErrorIllegalAddress || error == cudaErrorLaunchFailure; }

}  // namespace rkv::emu

extern "C" {
/// Let the n-th cudaMalloc() from now fail with a code of cudaError_t; n = 1 is the next, 0 none.
__attribute__((visibility("default"))) void rkv_emu_fail_malloc(int32_t n, int32_t error);
/// The same for launches. @return 0 when the failure that was set before has happened, else how far off it was.
__attribute__((visibility("default"))) int32_t rkv_emu_fail_launch(int32_t n, int32_t error);
/// The same for all calls that can fail but those that free and destroy; launches count as calls.
__attribute__((visibility("default"))) int32_t rkv_emu_fail_call(int32_t n, int32_t error);
/// Pretend to be another machine: devices, their compute capability (80 is 8.0) and the CUDA version of the driver
/// (13000 is 13.0, 0: no driver).
__attribute__((visibility("default"))) void rkv_emu_set_machine(int32_t devices, int32_t capability, int32_t driver);
/// Device memory in bytes from now on; 0 sets it back.
__attribute__((visibility("default"))) void rkv_emu_limit_memory(uint64_t bytes);
/// Make a lost device usable again and forget all of the above.
__attribute__((visibility("default"))) void rkv_emu_reset(void);
}
