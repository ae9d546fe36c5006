#include "cpu/key_tile_kernels.h"

#include "cpu/kernel_set.h"

namespace rkv::cpu {

namespace avx2 {
extern const KeyTileKernels key_tile_f32, key_tile_bf16;
}
namespace avx512 {
extern const KeyTileKernels key_tile_f32, key_tile_bf16;
}
namespace avx512bf16 {
extern const KeyTileKernels key_tile_f32, key_tile_bf16;
}

const KeyTileKernels& key_tile_kernels(CpuLevel level, DType kv) {
  return kv == RKV_F32 ? for_level(level, avx2::key_tile_f32, avx512::key_tile_f32, avx512bf16::key_tile_f32)
                       : for_level(level, avx2::key_tile_bf16, avx512::key_tile_bf16, avx512bf16::key_tile_bf16);
}

}  // namespace rkv::cpu
