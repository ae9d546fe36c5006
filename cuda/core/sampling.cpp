#include "core/sampling.h"

#include <algorithm>

namespace rkv {

double uniform(uint64_t seed, uint64_t position) {
  uint64_t x = seed + (position + 1) * 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  x ^= x >> 31;
  return static_cast<double>(x >> 11) * 0x1p-53;
}

std::vector<int32_t> penalised_tokens(const SampleRequest& request) {
  if (request.sampler->repeat_penalty == 1.0f) return {};
  const int n = std::min(request.n_history, request.sampler->repeat_last_n);
  std::vector<int32_t> recent(request.history + request.n_history - n, request.history + request.n_history);
  std::sort(recent.begin(), recent.end());
  recent.erase(std::unique(recent.begin(), recent.end()), recent.end());
  return recent;
}

}  // namespace rkv
