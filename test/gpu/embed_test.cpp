// Rows of the embedding table: the same bits as the CPU's where a weight is one product, else to the last places.
#include "gpu/kernels.h"
#include "weights.h"

namespace rkv::test {
namespace {

void check_embed(DType dtype, int rows, int cols, int n) {
  const TestWeight table(dtype, rows, cols, 7);
  const std::vector<int32_t> tokens = random_ints(static_cast<size_t>(n), 3, rows);
  std::vector<float> wanted(static_cast<size_t>(n) * static_cast<size_t>(cols));
  cpu().embed(table.mapped(), tokens.data(), n, wanted.data());
  DeviceArray<float> x(wanted.size());
  gpu::embed(launcher(), table.packed(), tokens.data(), n, x.data());
  const bool has_min = dtype == RKV_Q4_1 || dtype == RKV_Q5_1 || dtype == RKV_Q4_K || dtype == RKV_Q5_K;
  check_close(x.download(), wanted, has_min ? 1e-5f : 0.0f, "embed %s [%d, %d], %d tokens", dtype_name(dtype), rows,
              cols, n);
}

GPU_TEST("embed dequantises rows of every type") {
  for (DType dtype : kAllTypes) {
    for (int cols : {256, 768}) check_embed(dtype, 13, cols, 5);
  }
}

GPU_TEST("embed takes rows of any number of blocks") {
  for (DType dtype : {RKV_Q8_0, RKV_Q4_0, RKV_Q4_1, RKV_Q5_0, RKV_Q5_1}) {
    for (int cols : {32, 96, 576}) check_embed(dtype, 5, cols, 3);
  }
}

GPU_TEST("embed takes rows of plain numbers that are not a multiple of 16 bytes") {
  for (DType dtype : {RKV_F32, RKV_F16, RKV_BF16}) {
    for (int cols : {1, 7, 130}) check_embed(dtype, 5, cols, 3);
  }
}

GPU_TEST("embed of no tokens does nothing") { check_embed(RKV_BF16, 2, 8, 0); }

}  // namespace
}  // namespace rkv::test
