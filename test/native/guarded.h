// Memory that ends at a page which may not be touched: reading or writing past the end stops the test run.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <new>

namespace rkvt {

template <class T>
class Guarded {
 public:
  /// A copy of `count` elements, or zeros where `from` is NULL.
  Guarded(const T* from, size_t count) : bytes_(count * sizeof(T)) {
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    mapped_ = (bytes_ + page - 1) / page * page + page;
    void* p = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) throw std::bad_alloc();
    map_ = static_cast<char*>(p);
    mprotect(map_ + mapped_ - page, page, PROT_NONE);
    data_ = map_ + mapped_ - page - bytes_;
    if (from != nullptr && bytes_ > 0) std::memcpy(data_, from, bytes_);
  }
  ~Guarded() { munmap(map_, mapped_); }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;

  T* data() { return reinterpret_cast<T*>(data_); }
  void copy_to(T* to) const {
    if (bytes_ > 0) std::memcpy(to, data_, bytes_);
  }

 private:
  size_t bytes_, mapped_;
  char* map_;
  char* data_;
};

}  // namespace rkvt
