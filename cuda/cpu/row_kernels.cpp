#include "cpu/row_kernels.h"

#include "cpu/kernel_set.h"

namespace rkv::cpu {

namespace avx2 {
extern const RowKernels row_f32, row_bf16;
}
namespace avx512 {
extern const RowKernels row_f32, row_bf16;
}
namespace avx512bf16 {
extern const RowKernels row_f32, row_bf16;
}

const RowKernels& row_kernels(CpuLevel level, DType kv) {
  return kv == RKV_F32 ? for_level(level, avx2::row_f32, avx512::row_f32, avx512bf16::row_f32)
                       : for_level(level, avx2::row_bf16, avx512::row_bf16, avx512bf16::row_bf16);
}

}  // namespace rkv::cpu
