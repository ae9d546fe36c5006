// The same seed must draw the same token on every backend, so tokens are compared exactly.
#include <cmath>
#include <memory>

#include "check.h"
#include "gpu/kernels.h"

namespace rkv::test {
namespace {

rkv_sampler sampler_of(float temperature, int top_k = 0, float top_p = 1, float min_p = 0, float penalty = 1,
                       int last_n = 64) {
  rkv_sampler s = {};
  s.struct_size = sizeof s;
  s.temperature = temperature, s.top_k = top_k, s.top_p = top_p, s.min_p = min_p;
  s.repeat_penalty = penalty, s.repeat_last_n = last_n;
  s.seed = 42;
  return s;
}

/// Something like a model's logits: most of them small, a few large.
std::vector<float> peaked(int vocab_size, uint64_t seed) {
  std::vector<float> logits = random_floats(vocab_size, seed, -4, 4);
  for (float& x : logits) x = x * x * x / 4;
  return logits;
}

/// Draws on both backends for some positions, with a history to penalise.
class Case {
 public:
  explicit Case(std::vector<float> logits) : logits_(std::move(logits)), device_(logits_) {
    history_ = random_ints(200, 5, static_cast<int32_t>(logits_.size()));
  }

  void check(const rkv_sampler& s, int n_positions = 2) {
    std::vector<SampleRequest> wanted_requests, requests;
    for (int i = 0; i < n_positions; i++) {
      SampleRequest request = {logits_.data(), history_.data(), static_cast<int32_t>(history_.size()), 100 + i, &s};
      wanted_requests.push_back(request);
      request.logits = device_.data();
      requests.push_back(request);
    }
    const int vocab_size = static_cast<int>(logits_.size());
    std::vector<int32_t> wanted(requests.size()), found(requests.size());
    cpu().sample(wanted_requests, vocab_size, wanted.data());
    gpu::sample(launcher(), scratch(), requests, vocab_size, found.data());
    check_equal(found, wanted, "vocabulary %d, temperature %g, top_k %d, top_p %g, min_p %g, penalty %g", vocab_size,
                s.temperature, s.top_k, s.top_p, s.min_p, s.repeat_penalty);
  }

  std::vector<float> logits_now() const { return device_.download(); }

 private:
  std::vector<float> logits_;
  DeviceArray<float> device_;
  std::vector<int32_t> history_;
};

constexpr int kVocabSizes[] = {1, 2, 31, 33, 2047, 2048, 2049, 5003};

GPU_TEST("sample takes the best token at temperature 0") {
  for (const int vocab_size : kVocabSizes) {
    Case one(peaked(vocab_size, vocab_size));
    one.check(sampler_of(0), 1);
    one.check(sampler_of(0, 0, 1, 0, 1.5f), 1);
    one.check(sampler_of(0, 0, 1, 0, 0.5f, 7), 3);
  }
}

GPU_TEST("sample draws the CPU's token at every temperature") {
  for (const int vocab_size : kVocabSizes) {
    Case one(peaked(vocab_size, 3 * vocab_size));
    for (const float temperature : {1e-3f, 0.8f, 2.5f, 1000.0f}) one.check(sampler_of(temperature));
  }
}

GPU_TEST("sample cuts by top_k, top_p and min_p") {
  for (const int vocab_size : {33, 3000}) {
    Case one(peaked(vocab_size, 7 * vocab_size));
    for (const int top_k : {1, 2, 40, vocab_size - 1, vocab_size, vocab_size + 5}) one.check(sampler_of(1.5f, top_k));
    for (const float top_p : {0.0f, 0.01f, 0.5f, 0.9f, 0.999f}) one.check(sampler_of(1.5f, 0, top_p));
    for (const float min_p : {1e-4f, 0.05f, 0.9f, 1.0f}) one.check(sampler_of(1.5f, 0, 1, min_p));
  }
}

GPU_TEST("sample combines penalty, top_k, top_p and min_p") {
  Case one(peaked(3000, 11));
  for (const int top_k : {0, 5, 100}) {
    for (const float top_p : {0.3f, 0.95f, 1.0f}) {
      for (const float min_p : {0.0f, 0.2f}) one.check(sampler_of(0.8f, top_k, top_p, min_p, 1.3f, 100));
    }
  }
}

GPU_TEST("sample gives equal logits to the lower id first") {
  for (const float temperature : {0.0f, 1.0f}) {
    Case flat(std::vector<float>(4500, 2.5f));
    flat.check(sampler_of(temperature), 6);
    flat.check(sampler_of(temperature, 1));
    flat.check(sampler_of(temperature, 100), 6);
    flat.check(sampler_of(temperature, 0, 0.25f), 6);
    std::vector<float> steps = random_floats(4500, 13, -3, 3);
    for (float& x : steps) x = std::round(x * 2) / 2;
    Case stepped(steps);
    for (const int top_k : {1, 3, 700, 0}) {
      for (const float top_p : {0.2f, 0.8f, 1.0f}) stepped.check(sampler_of(temperature, top_k, top_p), 6);
    }
  }
}

GPU_TEST("sample takes -0 for 0") {
  for (const float temperature : {0.0f, 1.0f}) Case({-1, -0.0f, 0.0f, -0.0f, -2}).check(sampler_of(temperature, 2), 8);
}

GPU_TEST("sample never takes NaN, and copes with infinite logits") {
  for (const float temperature : {0.0f, 0.7f}) {
    std::vector<float> logits = peaked(2500, 17);
    for (size_t i = 0; i < logits.size(); i += 3) logits[i] = NAN;
    for (size_t i = 1; i < logits.size(); i += 5) logits[i] = -INFINITY;
    Case(logits).check(sampler_of(temperature, 0, 1, 0, 1.2f), 8);
    Case(logits).check(sampler_of(temperature, 2400), 8);
    logits[2001] = INFINITY;
    Case(logits).check(sampler_of(temperature));
    Case(std::vector<float>(70, NAN)).check(sampler_of(temperature));
    Case(std::vector<float>(70, -INFINITY)).check(sampler_of(temperature, 3, 0.5f, 0.1f, 1.2f));
  }
}

GPU_TEST("sample handles requests with samplers of their own, and leaves the logits alone") {
  const int vocab_size = 2100;
  const std::vector<float> first = peaked(vocab_size, 19), second = peaked(vocab_size, 23);
  const DeviceArray<float> device_first(first), device_second(second);
  const std::vector<rkv_sampler> samplers = {sampler_of(0), sampler_of(1.1f, 50, 0.9f, 0, 1.2f),
                                             sampler_of(0.6f, 0, 0.7f, 0.01f), sampler_of(0, 0, 1, 0, 2)};
  const std::vector<int32_t> history = random_ints(40, 29, vocab_size);
  std::vector<SampleRequest> wanted_requests, requests;
  for (size_t i = 0; i < samplers.size(); i++) {
    // Histories of several lengths, an empty one among them.
    const auto n_history = static_cast<int32_t>(13 * i);
    wanted_requests.push_back({i % 2 ? second.data() : first.data(), history.data(), n_history, 7, &samplers[i]});
    requests.push_back(wanted_requests.back());
    requests.back().logits = i % 2 ? device_second.data() : device_first.data();
  }
  std::vector<int32_t> wanted(4), found(4);
  cpu().sample(wanted_requests, vocab_size, wanted.data());
  gpu::sample(launcher(), scratch(), requests, vocab_size, found.data());
  check_equal(found, wanted, "tokens");
  check_equal(device_first.download(), first, "logits");
  gpu::sample(launcher(), scratch(), {}, vocab_size, found.data());
  check_equal(found, wanted, "tokens after no request");
}

GPU_TEST("sample draws from a vocabulary of a large model") {
  Case one(peaked(128256, 31));
  one.check(sampler_of(0), 1);
  one.check(sampler_of(0.8f, 40, 0.95f, 0.05f, 1.1f), 1);
  one.check(sampler_of(1.0f), 2);
}

}  // namespace
}  // namespace rkv::test
