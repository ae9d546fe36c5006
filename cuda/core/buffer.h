// Owned device memory.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "core/ops.h"

namespace rkv {

/// A piece of device memory that is released with its owner. Move-only; empty by default.
class Buffer {
 public:
  Buffer() = default;
  Buffer(Ops& ops, size_t bytes) : ops_(&ops), bytes_(bytes), data_(ops.allocate(bytes)) {}
  Buffer(Buffer&& other) noexcept { swap(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    Buffer taken(std::move(other));
    swap(taken);
    return *this;
  }
  ~Buffer() {
    if (data_ != nullptr) ops_->release(data_, bytes_);
  }

  size_t bytes() const { return bytes_; }
  template <class T = void>
  T* as() const {
    return static_cast<T*>(data_);
  }

  /// Make room for at least `bytes`; the contents are lost when it has to grow.
  void reserve(Ops& ops, size_t bytes) {
    if (bytes > bytes_) *this = Buffer(), *this = Buffer(ops, bytes);
  }

 private:
  void swap(Buffer& other) noexcept {
    std::swap(ops_, other.ops_), std::swap(bytes_, other.bytes_), std::swap(data_, other.data_);
  }

  Ops* ops_ = nullptr;
  size_t bytes_ = 0;
  void* data_ = nullptr;
};

/// A copy of `host` on the device.
template <class T>
Buffer upload_copy(Ops& ops, const std::vector<T>& host) {
  Buffer device(ops, sizeof(T) * host.size());
  ops.upload(device.as(), host.data(), device.bytes());
  return device;
}

/// A copy of `n` elements of the device on the host.
template <class T>
std::vector<T> download_copy(Ops& ops, const T* device, size_t n) {
  std::vector<T> host(n);
  if (n > 0) ops.download(host.data(), device, sizeof(T) * n);
  return host;
}

/// Set `bytes` of the device to zero.
inline void clear(Ops& ops, void* device, size_t bytes) {
  if (bytes > 0) ops.upload(device, std::vector<uint8_t>(bytes, 0).data(), bytes);
}

using SharedBuffer = std::shared_ptr<const Buffer>;

}  // namespace rkv
