// Causal attention of new tokens: flash attention (arXiv:2205.14135), in tensor cores for a bf16 cache and in f32 for
// an f32 cache.
#include "gpu/attend_prefill.cuh"

#include <cmath>

#include "gpu/kernels.h"

namespace rkv::gpu {

void attend_prefill(Launcher& launcher, const float* q, int n, std::span<const HeadCache> heads, int group, int d,
                    DType kv, int sliding_window, float* out) {
  if (n == 0 || heads.empty()) return;
  constexpr double kLog2E = 1.44269504088896340736;
  const std::vector<CacheView> caches = view_caches(launcher, heads);
  PrefillParams params = {};
  params.heads = launcher.stage(std::span<const CacheView>(caches));
  params.q = q, params.out = out;
  params.n = n, params.n_heads = static_cast<int>(heads.size()), params.group = group, params.d = d;
  params.sliding_window = sliding_window;
  params.scale = static_cast<float>(kLog2E / std::sqrt(static_cast<double>(d)));
  if (kv == RKV_F32)
    attend_prefill_f32(launcher, params);
  else
    attend_prefill_bf16(launcher, params);
}

}  // namespace rkv::gpu
