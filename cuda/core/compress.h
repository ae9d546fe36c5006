// Eviction and page bounds: what happens to a prefilled cache before decoding.
#pragma once

#include "core/session.h"

namespace rkv {

/// Compress one layer under a plan. queries: device f32 [n_queries, n_heads, head_dim], the last ones of the prompt.
void compress_layer(Session& session, int layer, const rkv_plan& plan, const float* queries, int n_queries);

/// PREFILLED -> READY.
void compress(Session& session, std::span<const rkv_plan> plans, rkv_compress_report* report);

/// Fill kept_min, kept_max, bytes_after and bytes_aux.
void report_cache(const Session& session, rkv_compress_report* report);

}  // namespace rkv
