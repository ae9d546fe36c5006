#include "emu/faults.h"

#include <utility>

#include "emu/device.h"

namespace rkv::emu {
namespace {

constexpr size_t kMemory = size_t{8} << 30;

struct Countdown {
  int32_t calls = 0;
  cudaError_t error = cudaSuccess;
  cudaError_t next() { return calls > 0 && --calls == 0 ? error : cudaSuccess; }
};

Countdown of_call, of_malloc, of_launch;
size_t limit = kMemory;
Machine pretended;

}  // namespace

size_t memory_limit() { return limit; }
cudaError_t injected_call_error() { return of_call.next(); }
cudaError_t injected_malloc_error() { return of_malloc.next(); }
cudaError_t injected_launch_error() { return of_launch.next(); }

const Machine& machine() { return pretended; }

cudaError_t machine_error() {
  if (pretended.driver < Machine{}.driver) return cudaErrorInsufficientDriver;
  return pretended.devices == 0 ? cudaErrorNoDevice : cudaSuccess;
}

}  // namespace rkv::emu

using namespace rkv::emu;

void rkv_emu_fail_malloc(int32_t n, int32_t error) {
  const Lock lock;
  of_malloc = {n, static_cast<cudaError_t>(error)};
}

int32_t rkv_emu_fail_launch(int32_t n, int32_t error) {
  const Lock lock;
  return std::exchange(of_launch, {n, static_cast<cudaError_t>(error)}).calls;
}

int32_t rkv_emu_fail_call(int32_t n, int32_t error) {
  const Lock lock;
  return std::exchange(of_call, {n, static_cast<cudaError_t>(error)}).calls;
}

void rkv_emu_set_machine(int32_t devices, int32_t capability, int32_t driver) {
  const Lock lock;
  pretended = {devices, capability, driver};
}

void rkv_emu_limit_memory(uint64_t bytes) {
  const Lock lock;
  limit = bytes == 0 ? kMemory : bytes;
}

void rkv_emu_reset() {
  const Lock lock;
  of_call = of_malloc = of_launch = {};
  limit = kMemory;
  pretended = {};
  restore_device();
}
