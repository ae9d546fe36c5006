#include "gpu/staging.h"

#include <algorithm>
#include <cstring>

namespace rkv::gpu {
namespace {

constexpr size_t kChunkBytes = 1 << 20;
constexpr size_t kAlignment = 256;

size_t padded(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

}  // namespace

Staging::~Staging() {
  for (const Chunk& chunk : chunks_) {
    cudaFreeHost(chunk.host);
    cudaFree(chunk.device);
  }
}

Staging::Chunk& Staging::chunk_for(size_t bytes) {
  for (; current_ < chunks_.size(); current_++) {
    if (chunks_[current_].capacity - chunks_[current_].used >= bytes) return chunks_[current_];
  }
  const size_t capacity = std::max(kChunkBytes, bytes);
  chunks_.reserve(chunks_.size() + 1);
  Chunk chunk = {nullptr, nullptr, capacity, 0, 0};
  check(cudaMallocHost(&chunk.host, capacity), "allocate pinned memory");
  try {
    chunk.device = static_cast<uint8_t*>(allocator_.claim(capacity));
  } catch (...) {
    cudaFreeHost(chunk.host);
    throw;
  }
  chunks_.push_back(chunk);
  return chunks_.back();
}

const void* Staging::put(const void* values, size_t bytes) {
  Chunk& chunk = chunk_for(padded(bytes));
  const size_t at = chunk.used;
  if (bytes > 0) std::memcpy(chunk.host + at, values, bytes);
  chunk.used += padded(bytes);
  return chunk.device + at;
}

void Staging::copy(cudaStream_t stream) {
  for (Chunk& chunk : chunks_) {
    if (chunk.used == chunk.copied) continue;
    check(cudaMemcpyAsync(chunk.device + chunk.copied, chunk.host + chunk.copied, chunk.used - chunk.copied,
                          cudaMemcpyHostToDevice, stream),
          "copy parameters");
    chunk.copied = chunk.used;
  }
}

void Staging::reset() {
  for (Chunk& chunk : chunks_) chunk.used = chunk.copied = 0;
  current_ = 0;
}

size_t Staging::used() const {
  size_t sum = 0;
  for (const Chunk& chunk : chunks_) sum += chunk.used;
  return sum;
}

}  // namespace rkv::gpu
