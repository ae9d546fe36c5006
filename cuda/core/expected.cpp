#include "core/expected.h"

#include <algorithm>
#include <cmath>

namespace rkv {
namespace {

/// The average of several rotations: every pair of dims is turned and shortened by its own complex factor.
class AverageRotation {
 public:
  AverageRotation(const Model& model, int first_position, int n) : c_(model.config) {
    for (int pair = 0; pair < c_.rope_dims / 2; pair++) {
      double cosine = 0, sine = 0;
      for (int i = 0; i < n; i++) {
        const double angle = (first_position + i) * model.inv_freq[static_cast<size_t>(pair)];
        cosine += std::cos(angle), sine += std::sin(angle);
      }
      cosine_.push_back(cosine / n * static_cast<double>(c_.rope_attn_factor));
      sine_.push_back(sine / n * static_cast<double>(c_.rope_attn_factor));
    }
  }

  /// x[d], `stride` apart, becomes R x. Dims without rotation stay.
  void apply(double* x, size_t stride) const {
    const size_t pairs = cosine_.size();
    for (size_t pair = 0; pair < pairs; pair++) {
      double& a = x[stride * (c_.rope_interleaved != 0 ? 2 * pair : pair)];
      double& b = x[stride * (c_.rope_interleaved != 0 ? 2 * pair + 1 : pair + pairs)];
      const double turned = a * cosine_[pair] - b * sine_[pair];
      b = a * sine_[pair] + b * cosine_[pair];
      a = turned;
    }
  }

 private:
  const rkv_model_config& c_;
  std::vector<double> cosine_, sine_;  // [rope_dims / 2]
};

}  // namespace

ExpectedQueries expected_queries(const Model& model, const rkv_plan& plan, const Evidence& evidence) {
  const auto d = static_cast<size_t>(model.config.head_dim), n_heads = static_cast<size_t>(model.config.n_heads);
  const double n = static_cast<double>(std::max(evidence.n_moments, 1));
  std::vector<double> sums = download_copy(model.ops(), evidence.moments, n_heads * (d + d * d));
  const AverageRotation rotation(model, evidence.n_tokens, plan.future);
  std::vector<float> means, covariances;
  for (size_t head = 0; head < n_heads; head++) {
    double* mean = &sums[head * (d + d * d)];
    double* covariance = mean + d;
    for (size_t i = 0; i < d; i++) mean[i] /= n;
    for (size_t i = 0; i < d * d; i++) covariance[i] = covariance[i] / n - mean[i / d] * mean[i % d];
    rotation.apply(mean, 1);
    for (size_t i = 0; i < d; i++) rotation.apply(covariance + i, d);      // R C
    for (size_t i = 0; i < d; i++) rotation.apply(covariance + i * d, 1);  // (R C) R^T
    means.insert(means.end(), mean, mean + d);
    covariances.insert(covariances.end(), covariance, covariance + d * d);
  }
  ExpectedQueries out;
  out.mean = upload_copy(model.ops(), means);
  if (plan.covariance != 0) out.covariance = upload_copy(model.ops(), covariances);
  return out;
}

}  // namespace rkv
