#include "core/model.h"

#include <algorithm>
#include <cmath>

#include "core/failure.h"
#include "core/hash.h"

namespace rkv {
namespace {

constexpr const char* kRoleNames[] = {"embed",  "final_norm", "lm_head", "attn_norm", "wq",    "wk",
                                      "wv",     "wo",         "bq",      "bk",        "bv",    "q_norm",
                                      "k_norm", "ffn_norm",   "w_gate",  "w_up",      "w_down"};

void check_config(const rkv_model_config& c, size_t n_freq) {
  const auto range = [](const char* name, int64_t value, int64_t low, int64_t high) {
    if (value < low || value > high) {
      fail(RKV_E_ARG, "model config: %s must be between %lld and %lld: current value is %lld", name,
           static_cast<long long>(low), static_cast<long long>(high), static_cast<long long>(value));
    }
  };
  range("n_layers", c.n_layers, 1, 4096);
  range("dim", c.dim, 1, 1 << 20);
  range("hidden_dim", c.hidden_dim, 1, 1 << 24);
  range("n_heads", c.n_heads, 1, 1024);
  range("n_kv_heads", c.n_kv_heads, 1, c.n_heads);
  range("head_dim", c.head_dim, 8, 256);
  range("vocab_size", c.vocab_size, 1, 1 << 24);
  range("rope_dims", c.rope_dims, 0, c.head_dim);
  range("sliding_window", c.sliding_window, 0, INT32_MAX);
  range("threads", c.threads, 0, 1024);
  range("cpu_level", c.cpu_level, 0, 3);
  if (c.n_heads % c.n_kv_heads != 0) {
    fail(RKV_E_ARG, "model config: n_heads must be a multiple of n_kv_heads: found %d and %d", c.n_heads, c.n_kv_heads);
  }
  if (c.head_dim % 8 != 0) fail(RKV_E_ARG, "model config: head_dim must be a multiple of 8: found %d", c.head_dim);
  if (c.rope_dims % 2 != 0) fail(RKV_E_ARG, "model config: rope_dims must be even: found %d", c.rope_dims);
  if (n_freq != static_cast<size_t>(c.rope_dims / 2)) {
    fail(RKV_E_ARG, "model config: inv_freq must hold %d numbers: found %zu", c.rope_dims / 2, n_freq);
  }
  if (!(c.norm_eps >= 0 && c.norm_eps < 1)) {
    fail(RKV_E_ARG, "model config: norm_eps must be between 0 and 1: current value is %g", c.norm_eps);
  }
}

}  // namespace

std::string tensor_name(rkv_role role, int layer) {
  const std::string name = kRoleNames[role];
  return layer < 0 ? name : "layers." + std::to_string(layer) + "." + name;
}

Model::Model(const rkv_model_config& c, std::vector<double> freq, std::unique_ptr<Ops> ops)
    : config(c), inv_freq(std::move(freq)), ops_(std::move(ops)) {
  check_config(config, inv_freq.size());
  layers.resize(static_cast<size_t>(config.n_layers));
}

Model::~Model() {
  for (const Placed& matrix : placed_) ops_->unplace(matrix.device);
}

Model::Slot Model::slot(rkv_role role, int layer) {
  const rkv_model_config& c = config;
  const int q = c.n_heads * c.head_dim, kv = c.n_kv_heads * c.head_dim;
  if (role == RKV_EMBED || role == RKV_FINAL_NORM || role == RKV_LM_HEAD) {
    if (layer != -1) fail(RKV_E_ARG, "tensor %s: layer must be -1: found %d", kRoleNames[role], layer);
    if (role == RKV_EMBED) return {&embed, nullptr, c.vocab_size, c.dim};
    if (role == RKV_LM_HEAD) return {&lm_head, nullptr, c.vocab_size, c.dim};
    return {nullptr, &final_norm, 1, c.dim};
  }
  if (layer < 0 || layer >= c.n_layers) {
    fail(RKV_E_ARG, "tensor %s: layer must be between 0 and %d: found %d", kRoleNames[role], c.n_layers - 1, layer);
  }
  LayerWeights& w = layers[static_cast<size_t>(layer)];
  switch (role) {
    case RKV_ATTN_NORM:
      return {nullptr, &w.attn_norm, 1, c.dim};
    case RKV_WQ:
      return {&w.wq, nullptr, q, c.dim};
    case RKV_WK:
      return {&w.wk, nullptr, kv, c.dim};
    case RKV_WV:
      return {&w.wv, nullptr, kv, c.dim};
    case RKV_WO:
      return {&w.wo, nullptr, c.dim, q};
    case RKV_BQ:
      return {nullptr, &w.bq, 1, q};
    case RKV_BK:
      return {nullptr, &w.bk, 1, kv};
    case RKV_BV:
      return {nullptr, &w.bv, 1, kv};
    case RKV_Q_NORM:
      return {nullptr, &w.q_norm, 1, c.head_dim};
    case RKV_K_NORM:
      return {nullptr, &w.k_norm, 1, c.head_dim};
    case RKV_FFN_NORM:
      return {nullptr, &w.ffn_norm, 1, c.dim};
    case RKV_W_GATE:
      return {&w.gate, nullptr, c.hidden_dim, c.dim};
    case RKV_W_UP:
      return {&w.up, nullptr, c.hidden_dim, c.dim};
    default:
      return {&w.down, nullptr, c.dim, c.hidden_dim};
  }
}

void Model::load_tensor(rkv_role role, int layer, DType dtype, int rows, int cols, const std::string& path,
                        uint64_t offset, uint64_t bytes) {
  if (finished_) fail(RKV_E_STATE, "the model is already finished");
  if (role < RKV_EMBED || role > RKV_W_DOWN) fail(RKV_E_ARG, "tensor role must be between 0 and 16: found %d", role);
  if (dtype < RKV_F32 || dtype > RKV_Q6_K) fail(RKV_E_ARG, "tensor dtype must be between 0 and 10: found %d", dtype);
  const Slot place = slot(role, layer);
  const std::string name = tensor_name(role, layer);
  if (rows != place.rows || cols != place.cols) {
    fail(RKV_E_ARG, "tensor %s: expected [%d, %d], found [%d, %d]", name.c_str(), place.rows, place.cols, rows, cols);
  }
  const bool plain = block_elements(dtype) == 1;
  if (place.vector != nullptr && !plain) {
    fail(RKV_E_ARG, "tensor %s: expected f32, f16 or bf16, found %s", name.c_str(), dtype_name(dtype));
  }
  if (cols % block_elements(dtype) != 0) {
    fail(RKV_E_ARG, "tensor %s: %s needs rows of a multiple of %d elements, found %d", name.c_str(), dtype_name(dtype),
         block_elements(dtype), cols);
  }
  Weight weight{dtype, rows, cols, nullptr};
  if (static_cast<uint64_t>(weight.bytes()) != bytes) {
    fail(RKV_E_ARG, "tensor %s: %s [%d, %d] takes %lld bytes, found %llu", name.c_str(), dtype_name(dtype), rows, cols,
         static_cast<long long>(weight.bytes()), static_cast<unsigned long long>(bytes));
  }
  const FileMap& file = files_.open(path);
  if (offset > file.size() || bytes > file.size() - offset) {
    fail(RKV_E_ARG, "tensor %s: bytes %llu to %llu lie outside \"%s\" of %llu bytes", name.c_str(),
         static_cast<unsigned long long>(offset), static_cast<unsigned long long>(offset + bytes), path.c_str(),
         static_cast<unsigned long long>(file.size()));
  }
  weight.data = file.data() + offset;
  if (place.vector != nullptr) {
    place_vector(weight, place.vector);
  } else {
    *place.matrix = place_matrix(weight);
  }
}

Weight Model::place_matrix(const Weight& mapped) {
  for (const Placed& other : placed_) {  // a tied LM head is the embedding
    if (other.mapped.data == mapped.data && other.mapped.dtype == mapped.dtype) return other.device;
  }
  placed_.push_back({mapped, ops_->place(mapped)});
  return placed_.back().device;
}

void Model::place_vector(const Weight& mapped, const float** out) {
  std::vector<float> values(static_cast<size_t>(mapped.cols));
  for (size_t i = 0; i < values.size(); i++) {
    const uint8_t* at = mapped.data + i * block_bytes(mapped.dtype);
    if (mapped.dtype == RKV_F32) {
      std::memcpy(&values[i], at, 4);
    } else {
      uint16_t half;
      std::memcpy(&half, at, 2);
      values[i] = mapped.dtype == RKV_F16 ? f16_to_f32(half) : bf16_to_f32(half);
    }
  }
  vectors_.emplace_back(*ops_, values.size() * sizeof(float));
  ops_->upload(vectors_.back().as(), values.data(), values.size() * sizeof(float));
  *out = vectors_.back().as<const float>();
}

void Model::finish() {
  if (finished_) fail(RKV_E_STATE, "the model is already finished");
  std::string missing;
  const auto require = [&](rkv_role role, int layer) {
    const Slot place = slot(role, layer);
    if (place.matrix != nullptr ? place.matrix->data == nullptr : *place.vector == nullptr) {
      missing += (missing.empty() ? "" : ", ") + tensor_name(role, layer);
    }
  };
  for (rkv_role role : {RKV_EMBED, RKV_FINAL_NORM, RKV_LM_HEAD}) require(role, -1);
  for (int l = 0; l < config.n_layers; l++) {
    for (int role = RKV_ATTN_NORM; role <= RKV_W_DOWN; role++) {
      if (role >= RKV_BQ && role <= RKV_BV && config.qkv_bias == 0) continue;
      if ((role == RKV_Q_NORM || role == RKV_K_NORM) && config.qk_norm == 0) continue;
      require(static_cast<rkv_role>(role), l);
    }
  }
  if (!missing.empty()) {
    if (missing.size() > 400) missing = missing.substr(0, missing.rfind(", ", 400)) + ", ...";
    fail(RKV_E_ARG, "missing tensors: %s", missing.c_str());
  }
  finished_ = true;
}

int64_t Model::weight_bytes() const {
  int64_t sum = embed.bytes() + (lm_head.data == embed.data ? 0 : lm_head.bytes());
  for (const LayerWeights& w : layers) {
    for (const Weight* m : {&w.wq, &w.wk, &w.wv, &w.wo, &w.gate, &w.up, &w.down}) sum += m->bytes();
  }
  for (const Buffer& vector : vectors_) sum += static_cast<int64_t>(vector.bytes());
  return sum;
}

int64_t Model::decode_bytes() const {
  const int64_t table = lm_head.data == embed.data ? 0 : embed.bytes();
  return weight_bytes() - table + row_bytes(embed.dtype, embed.cols);
}

uint64_t Model::fingerprint() {
  if (fingerprint_ != 0) return fingerprint_;
  Hash hash;
  rkv_model_config numbers = config;
  numbers.threads = numbers.cpu_level = 0;  // how it is computed, not what
  hash.update_value(numbers);
  hash.update(inv_freq.data(), inv_freq.size() * sizeof(double));
  // A few bytes from the ends and the middle of every matrix tell fine-tunes apart without reading whole files.
  // The file's bytes are hashed, so that a session made on one device goes on on another.
  for (const Placed& matrix : placed_) {
    hash.update_value(matrix.mapped.dtype);
    const auto bytes = static_cast<size_t>(matrix.mapped.bytes());
    const size_t part = std::min<size_t>(bytes, 512);
    for (const size_t at : {size_t{0}, (bytes - part) / 2, bytes - part}) hash.update(matrix.mapped.data + at, part);
  }
  fingerprint_ = hash.value() | 1;
  return fingerprint_;
}

}  // namespace rkv
