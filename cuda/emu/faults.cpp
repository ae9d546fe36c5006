#include "emu/faults.h"

#include "emu/device.h"

namespace rkv::emu {
namespace {

constexpr size_t kMemory = size_t{8} << 30;

struct Countdown {
  int32_t calls = 0;
  cudaError_t error = cudaSuccess;
  cudaError_t next() { return calls > 0 && --calls == 0 ? error : cudaSuccess; }
};

Countdown of_malloc, of_launch;
size_t limit = kMemory;

}  // namespace

size_t memory_limit() { return limit; }
cudaError_t injected_malloc_error() { return of_malloc.next(); }
cudaError_t injected_launch_error() { return of_launch.next(); }

}  // namespace rkv::emu

using namespace rkv::emu;

void rkv_emu_fail_malloc(int32_t n, int32_t error) {
  const Lock lock;
  of_malloc = {n, static_cast<cudaError_t>(error)};
}

void rkv_emu_fail_launch(int32_t n, int32_t error) {
  const Lock lock;
  of_launch = {n, static_cast<cudaError_t>(error)};
}

void rkv_emu_limit_memory(uint64_t bytes) {
  const Lock lock;
  limit = bytes == 0 ? kMemory : bytes;
}

void rkv_emu_reset() {
  const Lock lock;
  of_malloc = of_launch = {};
  limit = kMemory;
  restore_device();
}
