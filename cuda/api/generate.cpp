#include <cmath>

#include "api/guard.h"
#include "api/handles.h"
#include "core/compress.h"
#include "core/decode.h"
#include "core/draw.h"
#include "core/prefill.h"

using namespace rkv;

namespace {

void check_sampler(const rkv_sampler& s) {
  if (!(std::isfinite(s.temperature) && s.temperature >= 0)) {
    fail(RKV_E_ARG, "sampler: temperature must be >= 0: current value is %g", s.temperature);
  }
  if (s.top_k < 0) fail(RKV_E_ARG, "sampler: top_k must be >= 0: current value is %d", s.top_k);
  if (!(s.top_p > 0 && s.top_p <= 1)) fail(RKV_E_ARG, "sampler: top_p must be in (0, 1]: current value is %g", s.top_p);
  if (!(s.min_p >= 0 && s.min_p <= 1))
    fail(RKV_E_ARG, "sampler: min_p must be in [0, 1]: current value is %g", s.min_p);
  if (!(std::isfinite(s.repeat_penalty) && s.repeat_penalty > 0)) {
    fail(RKV_E_ARG, "sampler: repeat_penalty must be > 0: current value is %g", s.repeat_penalty);
  }
  if (s.repeat_last_n < 0) fail(RKV_E_ARG, "sampler: repeat_last_n must be >= 0: current value is %d", s.repeat_last_n);
}

std::span<const rkv_plan> given_plans(const rkv_plan* plans, int32_t n_plans) {
  if (plans == nullptr) return {};
  if (n_plans < 1) fail(RKV_E_ARG, "n_plans must be >= 1: found %d", n_plans);
  const std::span all(plans, static_cast<size_t>(n_plans));
  for (const rkv_plan& plan : all) checked_struct(&plan, "plan");
  return all;
}

void give_logits(const Session& session, float* out) {
  session.model.ops().download(out, session.logits->as(), session.logits->bytes());
}

}  // namespace

int32_t rkv_prefill(uint64_t session, const int32_t* tokens, int32_t n_tokens, const rkv_plan* plans, int32_t n_plans,
                    rkv_compress_report* out_report, rkv_progress* progress, rkv_error* err) {
  return guarded(err, [&] {
    const SessionsInUse use(std::span(&session, 1));
    if (n_tokens < 0) fail(RKV_E_ARG, "n_tokens must be >= 0: found %d", n_tokens);
    if (n_tokens > 0) required(tokens, "tokens");
    prefill(use.only(), std::span(tokens, static_cast<size_t>(n_tokens)), given_plans(plans, n_plans),
            optional_struct(out_report, "report"), optional_struct(progress, "progress"));
  });
}

int32_t rkv_compress(uint64_t session, const rkv_plan* plans, int32_t n_plans, rkv_compress_report* out_report,
                     rkv_error* err) {
  return guarded(err, [&] {
    const SessionsInUse use(std::span(&session, 1));
    required(plans, "plans");
    compress(use.only(), given_plans(plans, n_plans), optional_struct(out_report, "report"));
  });
}

int32_t rkv_sample(uint64_t session, const rkv_sampler* sampler, int32_t* out_token, rkv_error* err) {
  return guarded(err, [&] {
    const SessionsInUse use(std::span(&session, 1));
    check_sampler(checked_struct(sampler, "sampler"));
    sample_token(use.only(), *sampler, &required(out_token, "out_token"));
  });
}

int32_t rkv_decode(const uint64_t* sessions, const int32_t* tokens, int32_t n, float* logits, int64_t n_logits,
                   const rkv_sampler* samplers, int32_t* tokens_out, rkv_error* err) {
  return guarded(err, [&] {
    if (n < 1 || n > 4096) fail(RKV_E_ARG, "n must be between 1 and 4096: found %d", n);
    required(sessions, "sessions");
    required(tokens, "tokens");
    const SessionsInUse use(std::span(sessions, static_cast<size_t>(n)));
    const int64_t vocab = use.only().model.config.vocab_size;
    if (logits != nullptr && n_logits < n * vocab) {
      fail(RKV_E_ARG, "logits must hold %lld elements: current length is %lld", static_cast<long long>(n * vocab),
           static_cast<long long>(n_logits));
    }
    if (samplers != nullptr) {
      required(tokens_out, "tokens_out");
      for (int i = 0; i < n; i++) check_sampler(checked_struct(samplers + i, "samplers"));
    }
    decode_step(use.all(), std::span(tokens, static_cast<size_t>(n)), samplers, tokens_out);
    if (logits != nullptr) {
      for (int i = 0; i < n; i++) give_logits(*use.all()[static_cast<size_t>(i)], logits + i * vocab);
    }
  });
}

int32_t rkv_logits(uint64_t session, float* logits, int32_t n_logits, rkv_error* err) {
  return guarded(err, [&] {
    const SessionsInUse use(std::span(&session, 1));
    if (use.only().logits == nullptr) fail(RKV_E_STATE, "the session has seen no token");
    if (n_logits < use.only().model.config.vocab_size) {
      fail(RKV_E_ARG, "logits must hold %d elements: current length is %d", use.only().model.config.vocab_size,
           n_logits);
    }
    give_logits(use.only(), &required(logits, "logits"));
  });
}
