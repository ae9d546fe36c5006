// The choice of query heads that share their scores: from scores of pages to lists of slots.
#pragma once

#include <memory>

#include "core/ops.h"
#include "cpu/select_kernels.h"
#include "cpu/select_pages.h"

namespace rkv::cpu {

/// Query heads of one KV head that choose from the same scores, with more candidates than they may attend to. For EXACT
/// every token is a page of its own.
struct SelectJob {
  DecodeHead* head;
  int first_head, n_heads;
  PageRange pages;
  std::unique_ptr<float[]> memory;  // of what follows
  float* score;                     // [n_heads, pages.n]: of a page; weights where `total` is set
  float* rank;                      // [pages.n]: what pages are ranked by when the heads choose together
  float *scale, *total;             // [n_heads]: 1 / temperature; sum of the weights of all tokens, 0 before soften()

  float* score_of(int g) const { return score + static_cast<size_t>(g) * pages.n; }
};

/// A job without scores for query heads [first_head, first_head + n_heads).
SelectJob make_job(DecodeHead& head, int first_head, int n_heads);

/// Write the lists of a job whose `score` and `scale` are there, as slots, and the mass of each.
void write_lists(const SelectKernels& kernels, const SelectJob& job);

/// The lists of a head that has room for everything: nothing is scored.
void select_all(DecodeHead& head, int group);

}  // namespace rkv::cpu
