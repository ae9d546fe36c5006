// Projections y = x W^T + b: which kernel serves which call.
//
// Up to kGemvTokens rows are bound by reading the weights, and so is decoding, whose rows must not depend on what else
// is in the call: GEMV, one launch. More rows of a prompt are bound by arithmetic: tensor cores on bf16, or plain f32
// for f32 and f16 weights, which keep all their bits. CPU reference: cpu/linear.cpp.
#include "gpu/kernels.h"
#include "gpu/linear_paths.h"

namespace rkv::gpu {

void linear(Launcher& launcher, Scratch& scratch, const float* x, int n, std::span<const Projection> projections,
            LinearUse use) {
  if (n == 0) return;
  const bool few_rows = use == LinearUse::kDecode || n <= kGemvTokens;
  while (!projections.empty()) {
    const DType dtype = projections[0].weight->dtype;
    size_t count = 0;
    while (count < projections.size() && count < kMaxTargets &&
           (few_rows || projections[count].weight->dtype == dtype)) {
      count++;
    }
    const auto part = projections.first(count);
    if (few_rows) {
      linear_rows(launcher, x, n, part);
    } else if (dtype == RKV_F32 || dtype == RKV_F16) {
      linear_gemm_f32(launcher, x, n, part);
    } else {
      linear_gemm(launcher, scratch, x, n, part);
    }
    projections = projections.subspan(count);
  }
}

}  // namespace rkv::gpu
