// Models of random weights and their sessions, through the C interface.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/failure.h"
#include "rocketkv.h"
#include "weight_file.h"

namespace rkv::bench {

/// Turns the errors of the C interface into exceptions.
class Call {
 public:
  Call() { error_.struct_size = sizeof error_; }
  rkv_error* error() { return &error_; }
  void check(int32_t status) const {
    if (status != RKV_OK) fail(static_cast<rkv_status>(status), "%s", error_.message);
  }

 private:
  rkv_error error_ = {};
};

template <class Fn, class... A>
void call(Fn function, A... arguments) {
  Call c;
  c.check(function(arguments..., c.error()));
}

/// "llama-8b": the shape of Llama-3.1-8B. "narrow": a slice of it. "tiny": a model for tests.
/// @throws std::runtime_error for other names.
rkv_model_config shape_of(const std::string& name);

class BenchModel {
 public:
  BenchModel(const rkv_model_config& config, DType dtype, int device, const std::string& folder);
  ~BenchModel() { rkv_model_free(handle_, nullptr); }
  BenchModel(const BenchModel&) = delete;
  BenchModel& operator=(const BenchModel&) = delete;

  uint64_t handle() const { return handle_; }
  const rkv_model_config& config() const { return config_; }
  rkv_model_usage usage() const;

 private:
  void load(DType dtype, int role, int layer, int rows, int cols);
  void load_all(DType dtype);

  rkv_model_config config_;
  std::unique_ptr<WeightFile> file_;
  int64_t next_ = 0;  // in the file
  uint64_t handle_ = 0;
};

class BenchSession {
 public:
  BenchSession(const BenchModel& model, int kv_dtype, bool trace);
  BenchSession(BenchSession&& other) noexcept : handle_(other.handle_) { other.handle_ = 0; }
  ~BenchSession() {
    if (handle_ != 0) rkv_session_free(handle_, nullptr);
  }
  BenchSession(const BenchSession&) = delete;

  uint64_t handle() const { return handle_; }
  BenchSession fork() const;
  /// Without plans the full cache is kept.
  void prefill(const std::vector<int32_t>& tokens, const std::vector<rkv_plan>& plans) const;
  void compress(const std::vector<rkv_plan>& plans) const {
    call(rkv_compress, handle_, plans.data(), static_cast<int32_t>(plans.size()), nullptr);
  }
  std::vector<float> logits(int vocab_size) const;
  rkv_session_stats stats() const;

 private:
  explicit BenchSession(uint64_t handle) : handle_(handle) {}
  uint64_t handle_ = 0;
};

/// The same ones every time.
std::vector<int32_t> random_tokens(int count, int vocab_size, uint32_t seed);

rkv_device_desc describe(int device);

}  // namespace rkv::bench
