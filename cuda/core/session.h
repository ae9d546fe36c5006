// One sequence: its cache layer by layer, what was read so far, and what it cost.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/layer_cache.h"
#include "core/model.h"
#include "core/trace.h"

namespace rkv {

enum class SessionState { kEmpty = 0, kPrefilled = 1, kReady = 2 };

/// Everything a decode step or a vote needs to know about one layer.
struct LayerState {
  LayerCache cache;
  SharedBuffer queries;  // f32 [n_queries, n_heads, head_dim]: the last queries of the latest prefill call
  /// f64 [n_heads, head_dim + head_dim^2]: sums of the queries before RoPE and of their outer products, or NULL.
  SharedBuffer moments;
};

/// Patterns of one layer: none, one for all query heads, or one each.
/// @throws Failure RKV_E_ARG naming the field, the range and the value found.
void check_patterns(std::span<const rkv_pattern> patterns, const rkv_model_config& config);

class Session {
 public:
  Session(Model& model, const rkv_session_options& options);

  /// A session that shares this one's cache (LayerCache says how).
  std::unique_ptr<Session> fork() const;

  /// Back to EMPTY: frees the cache.
  void reset();

  /// Whether plans fit the model and the session's options. @throws Failure RKV_E_ARG.
  void check(std::span<const rkv_plan> new_plans) const;

  /// rkv_session_set_patterns(). @throws Failure RKV_E_ARG for patterns that cannot be.
  void set_patterns(int layer, std::span<const rkv_pattern> layer_patterns);

  void save(const std::string& path);
  static std::unique_ptr<Session> load(Model& model, const std::string& path);

  void fill_stats(rkv_session_stats* out) const;
  /// Positions of given slots (host) of a KV head, ascending.
  std::vector<int32_t> positions_of(int layer, int kv_head, std::span<const int32_t> slots) const;

  int64_t kv_bytes() const;
  int64_t aux_bytes() const;

  Model& model;
  rkv_session_options options;
  CacheShape shape;

  SessionState state = SessionState::kEmpty;
  std::vector<int32_t> tokens;  // token history; its length is the next position
  int n_queries = 0;            // tokens whose queries are kept for votes
  int n_moments = 0;            // tokens whose queries are summed up in `moments`
  std::vector<rkv_plan> plans;  // in force when READY: one for all layers, or one per layer
  std::vector<LayerState> layers;
  std::vector<std::vector<rkv_pattern>> patterns;  // [n_layers][0: dense, 1: all query heads, n_heads]
  SharedBuffer logits;                             // f32 [vocab_size] of the last token
  StepTrace trace;
  rkv_session_stats stats = {};

  const rkv_plan& plan(int layer) const { return plans[plans.size() == 1 ? 0 : static_cast<size_t>(layer)]; }
  int n_tokens() const { return static_cast<int>(tokens.size()); }
};

}  // namespace rkv
