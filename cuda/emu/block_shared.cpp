// Shared memory of a block: the dynamic part, then one place per __shared__ variable.
#include <sys/mman.h>

#include <algorithm>
#include <new>

#include "emu/block.h"
#include "emu/poison.h"

namespace rkv::emu {
namespace {

constexpr size_t kRedZone = kAsan ? 64 : 0;  // between variables, nobody's
constexpr size_t kCapacity = Block::kMaxShared + (kAsan ? 16 * 1024 : 0);

}  // namespace

Block::Block() : threads_(new Thread[kMaxThreads]), warps_(new Warp[kMaxThreads / 32]) {
  void* p = mmap(nullptr, kCapacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) throw std::bad_alloc();
  shared_ = static_cast<char*>(p);
  for (Barrier& barrier : barriers_) barrier.generation = 0;
}

Block::~Block() {
  for (int i = 0; i < kMaxThreads; i++) {
    if (threads_[i].tsan_fiber != nullptr) tsan_destroy(threads_[i].tsan_fiber);
  }
  asan_allow(shared_, kCapacity);
  munmap(shared_, kCapacity);
}

void Block::begin_shared(size_t dynamic_bytes) {
  asan_forbid(shared_, kCapacity);
  asan_allow(shared_, dynamic_bytes);
  poison(shared_, dynamic_bytes);
  variables_.clear();
  shared_used_ = dynamic_bytes;
  static_bytes_ = 0;
}

void* Block::shared_variable(const void* key, size_t bytes, size_t alignment) {
  for (const Variable& variable : variables_) {
    if (variable.key == key) return shared_ + variable.offset;
  }
  alignment = std::max<size_t>(alignment, 16);
  const size_t offset = (shared_used_ + kRedZone + alignment - 1) / alignment * alignment;
  static_bytes_ += bytes;
  if (static_bytes_ > kMaxStaticShared)
    fault("a block's __shared__ variables must fit into 48 KiB: found %zu bytes", static_bytes_);
  if (offset + bytes > kCapacity)
    fault("a block's shared memory must fit into 163 KiB: found %zu bytes", offset + bytes);
  asan_allow(shared_ + offset, bytes);
  poison(shared_ + offset, bytes);
  variables_.push_back({key, offset});
  shared_used_ = offset + bytes;
  return shared_ + offset;
}

bool Block::is_shared(const void* p, size_t bytes) const {
  const char* begin = static_cast<const char*>(p);
  return begin >= shared_ && begin + bytes <= shared_ + shared_used_;
}

void* shared_variable(const void* key, size_t bytes, size_t alignment) {
  return self().block->shared_variable(key, bytes, alignment);
}

}  // namespace rkv::emu
