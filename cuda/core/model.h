// Read-only weights, the backend they live on, and what all sessions of the model share.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/buffer.h"
#include "core/file_map.h"

namespace rkv {

/// One layer's weights. Norms and biases are f32 device memory; matrices stay in their file's format.
struct LayerWeights {
  const float* attn_norm = nullptr;
  Weight wq, wk, wv, wo;
  const float *bq = nullptr, *bk = nullptr, *bv = nullptr;
  const float *q_norm = nullptr, *k_norm = nullptr;
  const float* ffn_norm = nullptr;
  Weight gate, up, down;
};

/// Bytes alive now and at most, for honest memory figures.
struct Account {
  int64_t live = 0, peak = 0;
  void add(int64_t bytes) {
    live += bytes;
    if (live > peak) peak = live;
  }
};

class Model : public std::enable_shared_from_this<Model> {
 public:
  /// @param config    Checked here: RKV_E_ARG names the first number that cannot be.
  /// @param inv_freq  f64 [rope_dims / 2], radians per position.
  Model(const rkv_model_config& config, std::vector<double> inv_freq, std::unique_ptr<Ops> ops);
  ~Model();
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  void load_tensor(rkv_role role, int layer, DType dtype, int rows, int cols, const std::string& path, uint64_t offset,
                   uint64_t bytes);
  /// Names every tensor that is missing, then makes the model usable.
  void finish();
  /// Identity of weights and config: a saved session is refused by a model with another one.
  uint64_t fingerprint();

  const rkv_model_config config;
  const std::vector<double> inv_freq;
  Ops& ops() const { return *ops_; }
  bool finished() const { return finished_; }
  int group() const { return config.n_heads / config.n_kv_heads; }
  int64_t weight_bytes() const;
  int64_t decode_bytes() const;  // weight bytes that one decode step reads

  Weight embed, lm_head;
  const float* final_norm = nullptr;
  std::vector<LayerWeights> layers;

  std::mutex mutex;    // one call at a time
  int n_sessions = 0;  // guarded by the handle table
  Account kv, work;

 private:
  struct Slot {  // where a tensor goes and what shape it must have
    Weight* matrix;
    const float** vector;
    int rows, cols;
  };
  Slot slot(rkv_role role, int layer);
  void place_vector(const Weight& mapped, const float** out);
  Weight place_matrix(const Weight& mapped);

  std::unique_ptr<Ops> ops_;
  FileMaps files_;
  std::vector<Buffer> vectors_;
  struct Placed {
    Weight mapped, device;
  };
  std::vector<Placed> placed_;
  bool finished_ = false;
  uint64_t fingerprint_ = 0;
};

/// `layers.3.wq`, for messages.
std::string tensor_name(rkv_role role, int layer);

}  // namespace rkv
