#include "gpu/allocator.h"

#include <algorithm>
#include <bit>

namespace rkv::gpu {
namespace {

// Scratch of one sequence's decode step with a prompt of 128K tokens; its parameters are less.
constexpr size_t kReserveBytes = size_t{16} << 20;

constexpr size_t kDriverPage = size_t{2} << 20;  // the driver rounds large pieces up to it anyway

/// Sizes within an eighth of each other share a class, so that buffers that grow slowly find what others left. Large
/// ones are the cache of a whole prompt: an eighth of that is too much to lose.
size_t size_class(size_t bytes) {
  const size_t step = std::clamp<size_t>(std::bit_floor(std::max<size_t>(bytes, 1)) / 8, 256, kDriverPage);
  return (std::max<size_t>(bytes, 1) + step - 1) / step * step;
}

/// @return NULL when the device has no more. @throws Failure RKV_E_DEVICE for any other reason.
void* try_malloc(size_t bytes) {
  void* memory = nullptr;
  const cudaError_t error = cudaMalloc(&memory, bytes);
  if (error == cudaSuccess) return memory;
  cudaGetLastError();  // the failure is handled here: later calls must not see it
  if (error != cudaErrorMemoryAllocation) check(error, "allocate device memory");
  return nullptr;
}

[[noreturn]] void fail_out_of_memory(size_t wanted) {
  size_t free_bytes = 0, total = 0;
  check(cudaMemGetInfo(&free_bytes, &total), "ask for the free memory of the device");
  fail(RKV_E_MEMORY, "out of device memory: cannot allocate %zu bytes, %zu of %zu are free", wanted, free_bytes, total);
}

}  // namespace

Allocator::~Allocator() {
  give_back();
  spend_reserve();
}

void Allocator::give_back() {
  for (auto& [bytes, blocks] : kept_) {
    for (void* block : blocks) cudaFree(block);
  }
  kept_.clear();
}

void Allocator::spend_reserve() {
  if (reserve_ != nullptr) cudaFree(reserve_);
  reserve_ = nullptr;
}

void* Allocator::allocate(size_t bytes) {
  const size_t wanted = size_class(bytes);
  if (auto& blocks = kept_[wanted]; !blocks.empty()) {
    void* block = blocks.back();
    blocks.pop_back();
    return block;
  }
  void* block = try_malloc(wanted);
  if (block == nullptr) give_back(), block = try_malloc(wanted);
  if (block == nullptr) fail_out_of_memory(wanted);
  return block;
}

void Allocator::release(void* p, size_t bytes) { kept_[size_class(bytes)].push_back(p); }

void* Allocator::claim(size_t bytes) {
  void* memory = try_malloc(bytes);
  if (memory == nullptr) give_back(), memory = try_malloc(bytes);
  if (memory == nullptr) spend_reserve(), memory = try_malloc(bytes);
  if (memory == nullptr) fail_out_of_memory(bytes);
  return memory;
}

void Allocator::hold_reserve() {
  if (reserve_ != nullptr) return;
  reserve_ = try_malloc(kReserveBytes);
  if (reserve_ == nullptr) give_back(), reserve_ = try_malloc(kReserveBytes);
  if (reserve_ == nullptr) fail_out_of_memory(kReserveBytes);
}

}  // namespace rkv::gpu
