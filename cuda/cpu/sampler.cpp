#include "cpu/sampler.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/sampling.h"

namespace rkv::cpu {
namespace {

struct Candidate {
  float logit;
  int32_t id;
};

/// Larger logit first, then the lower id: a total order, so that results do not depend on the sort.
bool better(const Candidate& a, const Candidate& b) { return a.logit != b.logit ? a.logit > b.logit : a.id < b.id; }

void penalise(const SampleRequest& r, std::vector<Candidate>& all) {
  for (const int32_t id : penalised_tokens(r)) {
    float& logit = all[static_cast<size_t>(id)].logit;
    logit = logit > 0 ? logit / r.sampler->repeat_penalty : logit * r.sampler->repeat_penalty;
  }
}

}  // namespace

int32_t sample(const SampleRequest& r, int vocab_size) {
  const rkv_sampler& s = *r.sampler;
  std::vector<Candidate> all(static_cast<size_t>(vocab_size));
  for (int32_t id = 0; id < vocab_size; id++) {
    // A NaN has no rank; a model that makes one must not take the sort down with it.
    all[static_cast<size_t>(id)] = {std::isnan(r.logits[id]) ? -INFINITY : r.logits[id], id};
  }
  penalise(r, all);
  if (s.temperature == 0) return std::min_element(all.begin(), all.end(), better)->id;

  const bool cut = s.top_k > 0 && s.top_k < vocab_size;
  if (cut) {
    std::nth_element(all.begin(), all.begin() + s.top_k - 1, all.end(), better);
    all.resize(static_cast<size_t>(s.top_k));
  }
  std::sort(all.begin(), all.end(), better);
  std::vector<double> weight(all.size());
  double total = 0;
  for (size_t i = 0; i < all.size(); i++) {
    weight[i] = std::exp((static_cast<double>(all[i].logit) - all[0].logit) / s.temperature);
    total += weight[i];
  }
  // Keep the shortest prefix that holds top_p of the mass, then only what reaches min_p of the best.
  size_t kept = 0;
  double mass = 0;
  while (kept < all.size() && (kept == 0 || (mass < s.top_p * total && weight[kept] >= s.min_p * weight[0]))) {
    mass += weight[kept++];
  }
  double left = uniform(s.seed, static_cast<uint64_t>(r.position)) * mass;
  for (size_t i = 0; i < kept; i++) {
    left -= weight[i];
    if (left < 0) return all[i].id;
  }
  return all[kept - 1].id;
}

}  // namespace rkv::cpu
