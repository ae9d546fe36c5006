#include "cpu/bounds_kernels.h"

#include "cpu/attend_vec.h"

namespace rkv::cpu::RKV_ISA {

namespace {

template <class T>
void extremes(const void* const* k, int n, int d, float* low, float* high) {
  for (int at = 0; at < d; at += kLanes) {
    F least = load_row_n(static_cast<const T*>(k[0]) + at, d - at), most = least;
    for (int i = 1; i < n; i++) {
      const F key = load_row_n(static_cast<const T*>(k[i]) + at, d - at);
      least = min(least, key);
      most = max(most, key);
    }
    store_n(low + at, least, d - at);
    store_n(high + at, most, d - at);
  }
}

template <class T>
constexpr BoundsKernels kernels{extremes<T>};

}  // namespace

extern const BoundsKernels bounds_f32, bounds_bf16;
const BoundsKernels bounds_f32 = kernels<float>, bounds_bf16 = kernels<uint16_t>;

}  // namespace rkv::cpu::RKV_ISA
