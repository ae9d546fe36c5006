// Kernel launches: checked when they are made, run when their stream is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <tuple>
#include <type_traits>

#include "emu/runtime.h"
#include "emu/vector_types.h"

namespace rkv::emu {

struct Launch {
  dim3 grid, block;
  size_t shared_bytes;             // dynamic
  std::function<void()> run_lane;  // the kernel with its arguments
};

/// Whether the device could run a launch of this shape.
cudaError_t check_shape(dim3 grid, dim3 block, size_t shared_bytes);
cudaError_t enqueue(Launch launch, cudaStream_t stream);
/// Run all blocks of a launch now.
void run(const Launch& launch);
/// Stop the program unless `p` is NULL, device memory or pinned: a pointer argument of a kernel.
void check_argument(const void* p, int number);

template <class T>
void check_argument(const T& value, int number) {
  if constexpr (std::is_pointer_v<T>) check_argument(static_cast<const void*>(value), number);
}

template <class... P, class... A>
cudaError_t launch(void (*kernel)(P...), dim3 grid, dim3 block, size_t shared_bytes, cudaStream_t stream, A... args) {
  std::tuple<std::remove_cv_t<P>...> bound(static_cast<P>(args)...);
  int number = 0;
  std::apply([&](const auto&... arg) { (check_argument(arg, ++number), ...); }, bound);
  return enqueue({grid, block, shared_bytes, [kernel, bound] { std::apply(kernel, bound); }}, stream);
}

}  // namespace rkv::emu

template <class Kernel>
cudaError_t cudaFuncSetAttribute(Kernel*, cudaFuncAttribute attribute, int value) {
  if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize) return cudaSuccess;
  return rkv::emu::check_shape(1, 1, static_cast<size_t>(value));
}
