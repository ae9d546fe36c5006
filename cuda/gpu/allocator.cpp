#include "gpu/allocator.h"

#include <algorithm>
#include <bit>

namespace rkv::gpu {
namespace {

/// Sizes within an eighth of each other share a class, so that buffers that grow slowly find what others left.
size_t size_class(size_t bytes) {
  const size_t step = std::max<size_t>(256, std::bit_floor(std::max<size_t>(bytes, 1)) / 8);
  return (std::max<size_t>(bytes, 1) + step - 1) / step * step;
}

}  // namespace

Allocator::~Allocator() { give_back(); }

void Allocator::give_back() {
  for (auto& [bytes, blocks] : kept_) {
    for (void* block : blocks) cudaFree(block);
  }
  kept_.clear();
}

void* Allocator::allocate(size_t bytes) {
  const size_t wanted = size_class(bytes);
  if (auto& blocks = kept_[wanted]; !blocks.empty()) {
    void* block = blocks.back();
    blocks.pop_back();
    return block;
  }
  void* block = nullptr;
  if (cudaMalloc(&block, wanted) == cudaSuccess) return block;
  cudaGetLastError();  // the failure is handled here: later calls must not see it
  give_back();
  const cudaError_t error = cudaMalloc(&block, wanted);
  if (error != cudaSuccess) cudaGetLastError();
  if (error == cudaErrorMemoryAllocation) {
    size_t free_bytes = 0, total = 0;
    cudaMemGetInfo(&free_bytes, &total);
    fail(RKV_E_MEMORY, "out of device memory: cannot allocate %zu bytes, %zu of %zu are free", wanted, free_bytes,
         total);
  }
  check(error, "allocate device memory");
  return block;
}

void Allocator::release(void* p, size_t bytes) { kept_[size_class(bytes)].push_back(p); }

}  // namespace rkv::gpu
