// Vectors of 1 or 4 floats: 16-byte loads where addresses allow them.
#pragma once

#include "gpu/platform.h"

namespace rkv::gpu {

constexpr size_t kVectorBytes = 16;

inline bool aligned(const void* p) { return reinterpret_cast<uintptr_t>(p) % kVectorBytes == 0; }

template <int kWidth>
struct alignas(kWidth * sizeof(float)) Vector {
  float at[kWidth];
};

// `p` must be aligned to the vector.
template <int kWidth>
__device__ __forceinline__ Vector<kWidth> load(const float* p) {
  return *reinterpret_cast<const Vector<kWidth>*>(p);
}
template <int kWidth>
__device__ __forceinline__ void store(float* p, const Vector<kWidth>& v) {
  *reinterpret_cast<Vector<kWidth>*>(p) = v;
}

}  // namespace rkv::gpu
