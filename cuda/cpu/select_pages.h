// The two ends of page selection: what a group's queries ask of the page bounds, and how pages turn into tokens.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/ops.h"
#include "cpu/select_kernels.h"

namespace rkv::cpu {

/// Candidates [begin, end), cut into pages of `size` that start at multiples of it; the outer two may be partial.
struct PageRange {
  int begin, end, size;
  int first, n;  // page numbers first .. first + n - 1

  static PageRange over(int begin, int end, int size) {
    const int first = begin / size;
    return {begin, end, size, first, begin < end ? (end - 1) / size - first + 1 : 0};
  }
  /// First candidate of the i-th page of the range, and how many it has.
  int start(int i) const { return std::max((first + i) * size, begin); }
  int tokens(int i) const { return std::min((first + i + 1) * size, end) - start(i); }
};

/// One row of the bounds: plane 0 min, 1 max.
struct BoundRow {
  int plane, dim;
};

/// A page's score for query head g is the sum over rows of weight[row][g] * bound.
struct PageQuery {
  std::vector<BoundRow> rows;
  std::vector<float> weight;  // [rows, heads]
  std::vector<float> scale;   // [heads]: 1 / temperature
};

/// The `query_dims` dims with the largest |q| summed over the query heads q[n_heads, d] that choose together, and the
/// bounds that they meet. A head that chooses for itself knows its sign, so that one plane has its upper bound.
PageQuery page_query(const SelectKernels& kernels, const rkv_plan& plan, const float* q, int n_heads, int d);

/// Planes of the bounds that are read per chosen dim.
inline int planes_read(const rkv_plan& plan) {
  return plan.sign == RKV_SIGN_HEAD && plan.rank != RKV_RANK_PER_HEAD ? 2 : 1;
}

/// Append `room` candidates from the best pages of a range that has more than that, in ascending order; the last page
/// to be taken gives its lowest ones. With `whole` pages are taken while they fit, the best one in any case, cut to
/// `room`. rank [pages.n]. Returns the new end.
int32_t* take_pages(const SelectKernels& kernels, const PageRange& pages, const float* rank, int room, bool whole,
                    int32_t* out);

}  // namespace rkv::cpu
