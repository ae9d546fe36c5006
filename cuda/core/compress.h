// Plans at work: what happens to a prefilled cache before decoding.
#pragma once

#include "core/score.h"

namespace rkv {

/// Compress one layer under a plan, and get it ready for the plan's decode steps.
void compress_layer(Session& session, int layer, const rkv_plan& plan, const Evidence& evidence);

/// PREFILLED -> READY.
void compress(Session& session, std::span<const rkv_plan> plans, rkv_compress_report* report);

/// Fill kept_min, kept_max, bytes_after and bytes_aux.
void report_cache(const Session& session, rkv_compress_report* report);

}  // namespace rkv
