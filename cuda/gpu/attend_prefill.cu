// Causal attention of new tokens: flash attention (arXiv:2205.14135), in tensor cores for a bf16 cache and in f32 for
// an f32 cache, or for rows of codes.
#include "gpu/attend_prefill.cuh"

#include <algorithm>
#include <cmath>

#include "gpu/attend_rows_f32.cuh"
#include "gpu/kernels.h"
#include "gpu/rows_read.h"

namespace rkv::gpu {

void attend_prefill(Launcher& launcher, const float* q, int n, std::span<const HeadCache> heads, int group, int d,
                    DType kv, int sliding_window, float* out) {
  if (n == 0 || heads.empty()) return;
  if (kv == RKV_F32 || std::any_of(heads.begin(), heads.end(), has_codes)) {
    std::vector<QueryRows> rows;
    for (int h = 0; h < static_cast<int>(heads.size()); h++) rows.push_back({{}, 0, n, h * group, group});
    attend_rows_f32(launcher, heads, rows, q, n, static_cast<int>(heads.size()) * group, d, kv, sliding_window, out);
    return;
  }
  constexpr double kLog2E = 1.44269504088896340736;
  const std::vector<CacheView> caches = view_caches(launcher, heads);
  PrefillParams params = {};
  params.heads = launcher.stage(std::span<const CacheView>(caches));
  params.q = q, params.out = out;
  params.n = n, params.n_heads = static_cast<int>(heads.size()), params.group = group, params.d = d;
  params.sliding_window = sliding_window;
  params.scale = static_cast<float>(kLog2E / std::sqrt(static_cast<double>(d)));
  attend_prefill_bf16(launcher, params);
}

}  // namespace rkv::gpu
