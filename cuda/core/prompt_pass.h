// One prompt on its way through the layers: each of them takes in the whole prompt before the next.
#pragma once

#include <algorithm>

#include "core/forward.h"
#include "core/observe.h"
#include "core/progress.h"
#include "core/score.h"

namespace rkv {

class PromptPass {
 public:
  /// With plans (one for all layers, or one each) a layer is compressed as soon as it is done.
  PromptPass(Session& session, std::span<const int32_t> tokens, std::span<const rkv_plan> plans, Progress& progress);
  ~PromptPass() { model_.work.add(-extra_bytes()); }
  PromptPass(const PromptPass&) = delete;
  PromptPass& operator=(const PromptPass&) = delete;

  /// Fill the caches, and the logits of the last token. When it throws, layers are left half way.
  void run();

  int64_t compress_ns() const { return compress_ns_; }
  int64_t full_bytes() const { return full_bytes_; }  // K and V of all layers before compression

 private:
  void run_layer(int l, float* queries);
  /// The last queries decide what the others see, so that all tokens are taken in before the first one attends.
  void run_sparse_layer(int l, float* queries);
  /// Only the last token's output of the last layer is ever used.
  int unused_rows(int l, int from, int n) const;
  /// Q, K and V of a chunk; K and V go into the cache.
  void take_in(int l, int from, int n, float* queries);
  /// Dense attention of the last n rows of a chunk, the first of which is row `skip`.
  void attend(int l, int skip, int n);
  /// The rest of the layer for rows [from, from + n).
  void feed(int l, int from, int n);
  /// Copy those of the chunk's queries that are among the last n_queries of the prompt.
  void keep_queries(int from, int n, float* queries);

  template <class F>
  void for_chunks(F&& f) {
    for (int from = 0; from < n_; from += chunk_) f(from, std::min(chunk_, n_ - from));
  }
  int n_moments() const { return observer_.n_moments(s_.n_tokens(), n_); }
  Evidence evidence(const LayerState& layer, const float* queries) const {
    const double* moments = layer.moments != nullptr ? layer.moments->as<double>() : nullptr;
    return {queries, n_queries_, moments, n_moments(), s_.n_tokens() + n_};
  }

  size_t query_floats() const { return static_cast<size_t>(c_.n_heads) * c_.head_dim; }
  static float* row(const Buffer& buffer, int i, int cols) {
    return buffer.as<float>() + static_cast<size_t>(i) * cols;
  }
  int64_t extra_bytes() const { return static_cast<int64_t>(hidden_.bytes() + rope_.bytes()); }

  Session& s_;
  Model& model_;
  Ops& ops_;
  const rkv_model_config& c_;
  std::span<const int32_t> tokens_;
  const int n_;
  std::span<const rkv_plan> plans_;  // empty: keep the full cache
  Observer observer_;
  Progress& progress_;
  const int chunk_;
  const int n_queries_;
  std::vector<int32_t> positions_;
  Buffer hidden_;  // [n, dim]: the residual stream of the whole prompt
  Buffer rope_;
  Activations act_;
  int64_t compress_ns_ = 0, full_bytes_ = 0;
};

}  // namespace rkv
