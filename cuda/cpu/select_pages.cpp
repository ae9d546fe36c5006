#include "cpu/select_pages.h"

#include <cmath>

namespace rkv::cpu {

PageQuery page_query(const SelectKernels& kernels, const rkv_plan& plan, const float* q, int n_heads, int d) {
  const int query_dims = plan.query_dims;
  std::vector<float> size(d), sum(d);  // over the heads: of |q|, of q
  for (int g = 0; g < n_heads; g++) {
    for (int i = 0; i < d; i++) {
      size[i] += std::fabs(q[g * d + i]);
      sum[i] += q[g * d + i];
    }
  }
  std::vector<int32_t> dims(query_dims);
  kernels.top(size.data(), d, query_dims, dims.data());

  PageQuery query;
  for (const int32_t dim : dims) {
    if (planes_read(plan) == 1) {
      query.rows.push_back({sum[dim] > 0 ? 1 : 0, dim});
      for (int g = 0; g < n_heads; g++) query.weight.push_back(q[g * d + dim]);
    } else {  // q * max where q > 0, q * min where q < 0: the larger product of the two
      query.rows.push_back({1, dim});
      for (int g = 0; g < n_heads; g++) query.weight.push_back(std::max(q[g * d + dim], 0.0f));
      query.rows.push_back({0, dim});
      for (int g = 0; g < n_heads; g++) query.weight.push_back(std::min(q[g * d + dim], 0.0f));
    }
  }
  for (int g = 0; g < n_heads; g++) {
    float chosen = 0, all = 0;
    for (const int32_t dim : dims) chosen += std::fabs(q[g * d + dim]);
    for (int i = 0; i < d; i++) all += std::fabs(q[g * d + i]);
    const float share = query_dims == d ? 1.0f : chosen / all;
    // A head without weight on the chosen dims scores 0 everywhere; its temperature would be 0 or 0/0.
    query.scale.push_back(chosen > 0 ? 1.0f / std::sqrt(static_cast<float>(d) * share) : 0.0f);
  }
  return query;
}

int32_t* take_pages(const SelectKernels& kernels, const PageRange& pages, const float* rank, int room, bool whole,
                    int32_t* out) {
  if (room == 0) return out;
  std::vector<int32_t> best(pages.n);
  // Tokens of the m best pages. Only the outer pages of the range can be short, so m is soon found.
  const auto take = [&](int m) {
    kernels.top(rank, pages.n, m, best.data());
    int tokens = 0;
    for (int i = 0; i < m; i++) tokens += pages.tokens(best[i]);
    return tokens;
  };
  int m = whole ? room / pages.size : (room + pages.size - 1) / pages.size, tokens;
  m = std::min(m, pages.n);
  if (whole) {
    while (m < pages.n && take(m + 1) <= room) m++;
    m = std::max(m, 1);
    tokens = take(m);
  } else {
    while ((tokens = take(m)) < room) m++;
  }
  // Taken last: the lowest rank, and among equals the highest page.
  int last = 0;
  for (int i = 1; i < m; i++)
    if (rank[best[i]] <= rank[best[last]]) last = i;
  int32_t* const limit = out + room;
  for (int i = 0; i < m; i++) {
    const int start = pages.start(best[i]);
    const int n = pages.tokens(best[i]) - (i == last ? std::max(tokens - room, 0) : 0);
    for (int t = 0; t < n && out < limit; t++) *out++ = start + t;
  }
  return out;
}

}  // namespace rkv::cpu
