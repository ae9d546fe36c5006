// Work memory for kernels: floats (or 4-byte words) on a cache line's boundary, not cleared.
#pragma once

#include <cstddef>
#include <memory>
#include <new>

namespace rkv::cpu {

struct FreeAligned {
  void operator()(float* p) const { ::operator delete[](p, std::align_val_t{64}); }
};
using FloatBuffer = std::unique_ptr<float[], FreeAligned>;

/// Throws std::bad_alloc.
inline FloatBuffer float_buffer(size_t n) {
  return FloatBuffer(static_cast<float*>(::operator new[](n * sizeof(float), std::align_val_t{64})));
}

}  // namespace rkv::cpu
