// Queries that are to be expected behind a prompt (ExpectedAttention, arXiv:2510.00636).
#pragma once

#include "core/score.h"

namespace rkv {

struct ExpectedQueries {
  Buffer mean;        // f32 [n_heads, d]
  Buffer covariance;  // f32 [n_heads, d, d]; empty unless plan.covariance
};

/// Mean and covariance of the observed queries, turned by the average of the rotations of the next plan.future
/// positions: R mean, and R C R^T. Calculated in f64. With no query observed the mean is 0: all tokens are alike.
ExpectedQueries expected_queries(const Model& model, const rkv_plan& plan, const Evidence& evidence);

}  // namespace rkv
