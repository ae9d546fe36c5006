#include "emu/memory.h"

#include <sys/mman.h>

#include <cstdlib>
#include <map>

#include "emu/block.h"
#include "emu/device.h"
#include "emu/faults.h"
#include "emu/launch.h"
#include "emu/poison.h"
#include "emu/stream.h"

namespace rkv::emu {
namespace {

struct Allocation {
  size_t bytes;
  Place place;
};

// By first address. free() and malloc() of the sanitizer's own heap, so that it sees what runs past the end.
std::map<const char*, Allocation> allocations;
size_t device_bytes_used = 0;

cudaError_t allocate(void** p, size_t bytes, Place place) {
  *p = nullptr;
  if (bytes == 0) return cudaSuccess;
  void* memory = nullptr;
  if (posix_memalign(&memory, 256, bytes) != 0) return cudaErrorMemoryAllocation;
  if (place == Place::kDevice) {
    poison(memory, bytes);
    device_bytes_used += bytes;
  }
  allocations[static_cast<const char*>(memory)] = {bytes, place};
  *p = memory;
  return cudaSuccess;
}

cudaError_t release(void* p, Place place) {
  if (p == nullptr) return cudaSuccess;
  const auto found = allocations.find(static_cast<const char*>(p));
  if (found == allocations.end() || found->second.place != place) return cudaErrorInvalidValue;
  if (place == Place::kDevice) device_bytes_used -= found->second.bytes;
  allocations.erase(found);
  std::free(p);
  return cudaSuccess;
}

}  // namespace

cudaError_t locate(const void* p, size_t bytes, Place* place) {
  const char* begin = static_cast<const char*>(p);
  *place = Place::kHost;
  auto after = allocations.upper_bound(begin);
  if (after == allocations.begin()) return cudaSuccess;
  const auto& [first, allocation] = *--after;
  if (begin >= first + allocation.bytes) return cudaSuccess;
  *place = allocation.place;
  return begin + bytes <= first + allocation.bytes ? cudaSuccess : cudaErrorInvalidValue;
}

void check_argument(const void* p, int number) {
  const Lock lock;
  Place place;
  locate(p, 0, &place);
  if (p != nullptr && place == Place::kHost) fault("argument %d of a launch is host memory: %p", number, p);
}

}  // namespace rkv::emu

using namespace rkv::emu;

cudaError_t cudaMalloc(void** p, size_t bytes) {
  const Call call;
  if (!call.ok()) return call.error();
  if (const cudaError_t error = forbid_in_capture(); error != cudaSuccess) return call.fail(error);
  if (const cudaError_t error = injected_malloc_error(); error != cudaSuccess) return call.fail(error);
  if (device_bytes_used + bytes > memory_limit()) return call.fail(cudaErrorMemoryAllocation);
  return call.done(allocate(p, bytes, Place::kDevice));
}

cudaError_t cudaFree(void* p) {
  const Call call(Call::kEnd);
  if (!call.ok()) return call.error();
  if (const cudaError_t error = forbid_in_capture(); error != cudaSuccess) return call.fail(error);
  run_all_streams();
  return call.done(release(p, Place::kDevice));
}

cudaError_t cudaMallocHost(void** p, size_t bytes) {
  const Call call;
  if (!call.ok()) return call.error();
  if (const cudaError_t error = forbid_in_capture(); error != cudaSuccess) return call.fail(error);
  return call.done(allocate(p, bytes, Place::kPinned));
}

cudaError_t cudaFreeHost(void* p) {
  const Call call(Call::kEnd);
  if (!call.ok()) return call.error();
  run_all_streams();
  return call.done(release(p, Place::kPinned));
}

cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  const Call call;
  if (!call.ok()) return call.error();
  *total = memory_limit();
  *free = *total > device_bytes_used ? *total - device_bytes_used : 0;
  return cudaSuccess;
}
