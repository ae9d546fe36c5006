// Which cached tokens one decode step attends to.
#pragma once

#include <span>

#include "core/ops.h"
#include "cpu/cpu_level.h"
#include "cpu/thread_pool.h"

namespace rkv::cpu {

/// Ops::select for every head whose `select` is set; the plan's `select` is PAGES or EXACT.
///
/// PAGES is hybrid sparse attention (RocketKV, arXiv:2502.14051, section 3.4): the query dims that weigh most meet the
/// bounds of every page; per query head a softmax over tokens at SparQ's temperature (arXiv:2312.04985), or the scaled
/// scores themselves; summed over the group; the best pages give their tokens until top_k are found, the last one its
/// lowest positions. EXACT ranks tokens by q.k / sqrt(d). Pinned tokens come first, within top_k. With PER_HEAD every
/// query head does all of this by itself, as Quest does (arXiv:2406.10774): dims, sign, scores and list are its own.
///
/// Scores are those of `q`: `q_sinks` plays no part in choosing. Where `mass` is given it gets the softmax weight that
/// the scores promise for what was chosen, over all candidates from `first` on.
///
/// Scores are f32; ties go to the lower position. Never more than top_k slots are written, so with whole_pages a page
/// that is larger than top_k is cut. Results do not depend on the thread count or on other heads in the call.
/// Writes `selected`, `n_selected`, `mass` and `score_read_bytes` (0 when everything fits and nothing needs a score;
/// dims of PER_HEAD count for every query head).
void select(ThreadPool& pool, CpuLevel level, std::span<DecodeHead> heads, int group, int d, DType kv);

}  // namespace rkv::cpu
