#include "core/draw.h"

#include "core/clock.h"
#include "core/failure.h"

namespace rkv {

void draw(std::span<Session* const> sessions, const rkv_sampler* samplers, int32_t* tokens) {
  std::vector<SampleRequest> requests;
  for (size_t i = 0; i < sessions.size(); i++) {
    const Session& s = *sessions[i];
    requests.push_back({s.logits->as<float>(), s.tokens.data(), s.n_tokens(), s.n_tokens(), samplers + i});
  }
  sessions[0]->model.ops().sample(requests, sessions[0]->model.config.vocab_size, tokens);
}

void sample_token(Session& session, const rkv_sampler& sampler, int32_t* token) {
  if (session.logits == nullptr) fail(RKV_E_STATE, "cannot sample: the session has seen no token");
  const Stopwatch watch;
  Session* one = &session;
  draw(std::span(&one, 1), &sampler, token);
  session.stats.sample_ns += watch.elapsed_ns();
}

}  // namespace rkv
