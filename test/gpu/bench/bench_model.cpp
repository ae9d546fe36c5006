#include "bench_model.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <stdexcept>

namespace rkv::bench {
namespace {

/// A larger model's tensors share bytes: what is measured does not depend on them, and the disk stays small.
constexpr int64_t kLargestFile = int64_t{1} << 30;

struct Matrix {
  int role, rows, cols;
};
std::vector<Matrix> layer_matrices(const rkv_model_config& c) {
  const int q = c.n_heads * c.head_dim, kv = c.n_kv_heads * c.head_dim;
  return {{RKV_WQ, q, c.dim},
          {RKV_WK, kv, c.dim},
          {RKV_WV, kv, c.dim},
          {RKV_WO, c.dim, q},
          {RKV_W_GATE, c.hidden_dim, c.dim},
          {RKV_W_UP, c.hidden_dim, c.dim},
          {RKV_W_DOWN, c.dim, c.hidden_dim}};
}

int64_t file_bytes(const rkv_model_config& c, DType dtype) {
  const int64_t embedding = row_bytes(dtype, c.dim) * c.vocab_size;
  int64_t total = 2 * embedding, largest = embedding;
  for (const Matrix& m : layer_matrices(c)) {
    const int64_t bytes = row_bytes(dtype, m.cols) * m.rows;
    total += bytes * c.n_layers, largest = std::max(largest, bytes);
  }
  return total <= kLargestFile ? total : largest;
}

}  // namespace

rkv_model_config shape_of(const std::string& name) {
  rkv_model_config c = {};
  c.struct_size = sizeof c;
  c.norm_eps = 1e-5f, c.rope_attn_factor = 1;
  if (name == "llama-8b") {
    c.n_layers = 32, c.dim = 4096, c.hidden_dim = 14336, c.n_heads = 32, c.n_kv_heads = 8, c.head_dim = 128;
    c.vocab_size = 128256, c.max_context = 131072;
  } else if (name == "narrow") {  // the heads of llama-8b; the CPU can follow it over some thousand tokens
    c.n_layers = 2, c.dim = 1024, c.hidden_dim = 2048, c.n_heads = 8, c.n_kv_heads = 2, c.head_dim = 128;
    c.vocab_size = 1024, c.max_context = 8192;
  } else if (name == "tiny") {
    c.n_layers = 2, c.dim = 256, c.hidden_dim = 512, c.n_heads = 4, c.n_kv_heads = 2, c.head_dim = 64;
    c.vocab_size = 512, c.max_context = 4096;
  } else {
    throw std::runtime_error("Cannot use shape \"" + name + "\": expected llama-8b, narrow or tiny");
  }
  c.rope_dims = c.head_dim;
  return c;
}

BenchModel::BenchModel(const rkv_model_config& config, DType dtype, int device, const std::string& folder)
    : config_(config) {
  const float deviation = 1 / std::sqrt(static_cast<float>(config.dim));
  file_ = std::make_unique<WeightFile>(folder, dtype, file_bytes(config, dtype), deviation, config.dim);
  std::vector<double> inv_freq;
  for (int i = 0; i < config.rope_dims; i += 2) inv_freq.push_back(std::pow(5e5, -double(i) / config.rope_dims));
  call(rkv_model_create, &config, inv_freq.data(), static_cast<int32_t>(inv_freq.size()), device, &handle_);
  try {
    load_all(dtype);
  } catch (...) {
    rkv_model_free(handle_, nullptr);
    throw;
  }
}

void BenchModel::load_all(DType dtype) {
  const rkv_model_config& c = config_;
  load(dtype, RKV_EMBED, -1, c.vocab_size, c.dim);
  load(dtype, RKV_LM_HEAD, -1, c.vocab_size, c.dim);
  load(RKV_F32, RKV_FINAL_NORM, -1, 1, c.dim);
  for (int l = 0; l < c.n_layers; l++) {
    load(RKV_F32, RKV_ATTN_NORM, l, 1, c.dim);
    load(RKV_F32, RKV_FFN_NORM, l, 1, c.dim);
    for (const Matrix& m : layer_matrices(c)) load(dtype, m.role, l, m.rows, m.cols);
  }
  call(rkv_model_finish, handle_);
}

void BenchModel::load(DType dtype, int role, int layer, int rows, int cols) {
  const int64_t bytes = row_bytes(dtype, cols) * rows;
  const bool is_norm = rows == 1;
  if (!is_norm && next_ + bytes > file_->bytes()) next_ = 0;
  call(rkv_model_load_tensor, handle_, role, layer, static_cast<int32_t>(dtype), rows, cols,
       reinterpret_cast<const uint8_t*>(file_->path().c_str()),
       static_cast<uint64_t>(is_norm ? file_->ones_at() : next_), static_cast<uint64_t>(bytes));
  if (!is_norm) next_ += bytes;
}

rkv_model_usage BenchModel::usage() const {
  rkv_model_usage usage = {};
  usage.struct_size = sizeof usage;
  call(rkv_usage, handle_, &usage);
  return usage;
}

BenchSession::BenchSession(const BenchModel& model, int kv_dtype, bool trace) {
  rkv_session_options options = {};
  options.struct_size = sizeof options;
  options.kv_dtype = kv_dtype, options.trace = trace;
  call(rkv_session_create, model.handle(), &options, &handle_);
}

BenchSession BenchSession::fork() const {
  uint64_t copy = 0;
  call(rkv_session_fork, handle_, &copy);
  return BenchSession(copy);
}

void BenchSession::prefill(const std::vector<int32_t>& tokens, const std::vector<rkv_plan>& plans) const {
  call(rkv_prefill, handle_, tokens.data(), static_cast<int32_t>(tokens.size()), plans.empty() ? nullptr : plans.data(),
       static_cast<int32_t>(plans.size()), nullptr, nullptr);
}

std::vector<float> BenchSession::logits(int vocab_size) const {
  std::vector<float> out(static_cast<size_t>(vocab_size));
  call(rkv_logits, handle_, out.data(), vocab_size);
  return out;
}

rkv_session_stats BenchSession::stats() const {
  rkv_session_stats stats = {};
  stats.struct_size = sizeof stats;
  call(rkv_stats, handle_, &stats);
  return stats;
}

std::vector<int32_t> random_tokens(int count, int vocab_size, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<int32_t> tokens(static_cast<size_t>(count));
  for (int32_t& token : tokens) token = static_cast<int32_t>(random() % static_cast<uint32_t>(vocab_size));
  return tokens;
}

rkv_device_desc describe(int device) {
  rkv_device_desc desc = {};
  desc.struct_size = sizeof desc;
  call(rkv_device_info, device, &desc);
  return desc;
}

}  // namespace rkv::bench
