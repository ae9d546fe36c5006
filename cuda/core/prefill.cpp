#include "core/prefill.h"

#include <algorithm>
#include <numeric>

#include "core/clock.h"
#include "core/compress.h"
#include "core/failure.h"
#include "core/forward.h"
#include "core/plan.h"
#include "core/progress.h"

namespace rkv {
namespace {

// Tokens that go through a layer at a time: enough to pay for unpacking quantised weights once per chunk, few enough
// for the activations to stay in cache.
constexpr int kDefaultChunk = 512;

class Prefill {
 public:
  Prefill(Session& session, std::span<const int32_t> tokens, const rkv_plan* plan, Progress& progress)
      : s_(session),
        model_(session.model),
        ops_(session.model.ops()),
        c_(session.model.config),
        tokens_(tokens),
        n_(static_cast<int>(tokens.size())),
        plan_(plan),
        progress_(progress),
        chunk_(std::min(session.options.chunk_tokens > 0 ? session.options.chunk_tokens : kDefaultChunk, n_)),
        n_queries_(std::min(n_, RKV_MAX_WINDOW)),
        positions_(tokens.size()),
        hidden_(ops_, sizeof(float) * static_cast<size_t>(n_) * c_.dim),
        act_(model_, chunk_, LinearUse::kPrefill) {
    std::iota(positions_.begin(), positions_.end(), session.n_tokens());
    rope_ = make_rope_table(model_, positions_.data(), n_);
    model_.work.add(extra_bytes());
  }
  ~Prefill() { model_.work.add(-extra_bytes()); }

  void run() {
    progress_.start(int64_t{n_} * c_.n_layers);
    ops_.embed(model_.embed, tokens_.data(), n_, hidden_.as<float>());
    SharedBuffer queries;
    for (int l = 0; l < c_.n_layers; l++) {
      LayerState& layer = s_.layers[static_cast<size_t>(l)];
      layer.cache.clear_selection();  // prefill attends densely
      // Queries of one layer are enough when it is compressed at once; otherwise every layer keeps its own.
      if (plan_ == nullptr || queries == nullptr) {
        queries = std::make_shared<const Buffer>(ops_, sizeof(float) * query_floats() * n_queries_);
      }
      run_layer(l, queries->as<float>());
      layer.queries = plan_ == nullptr ? queries : nullptr;
      if (plan_ != nullptr) {
        ops_.wait();
        const Stopwatch watch;
        full_bytes_ += layer.cache.kv_bytes();
        compress_layer(s_, l, *plan_, queries->as<float>(), n_queries_);
        ops_.wait();
        compress_ns_ += watch.elapsed_ns();
      }
    }
    auto logits = std::make_shared<const Buffer>(ops_, sizeof(float) * c_.vocab_size);
    project_logits(model_, row(hidden_, n_ - 1, c_.dim), 1, logits->as<float>(), act_);
    ops_.wait();
    s_.logits = std::move(logits);
    s_.n_queries = plan_ == nullptr ? n_queries_ : 0;
  }

  int64_t compress_ns() const { return compress_ns_; }
  int64_t full_bytes() const { return full_bytes_; }  // K and V of all layers before compression

 private:
  void run_layer(int l, float* queries) {
    LayerCache& cache = s_.layers[static_cast<size_t>(l)].cache;
    const bool last_layer = l == c_.n_layers - 1;
    for (int from = 0; from < n_; from += chunk_) {
      const int n = std::min(chunk_, n_ - from);
      float* x = row(hidden_, from, c_.dim);
      project_qkv(model_, l, x, n, act_);
      cache.reserve(model_, s_.shape, n, n_ - from - n);
      const Append rows = cache.append(model_, s_.shape, act_.k, act_.v, positions_[static_cast<size_t>(from)], n);
      const float* table = rope_.as<float>() + static_cast<size_t>(from) * c_.rope_dims;
      ops_.rotate_and_append(rotate_shape(model_), act_.q, act_.k, n, table, std::span(&rows, 1), {});
      keep_queries(from, n, queries);
      // Only the last token's output of the last layer is ever used.
      const int skip = last_layer ? (from + n == n_ ? n - 1 : n) : 0;
      if (skip < n) attend_and_feed(l, x, skip, n - skip);
      progress_.advance(n);
    }
  }

  void attend_and_feed(int l, float* x, int skip, int n) {
    LayerCache& cache = s_.layers[static_cast<size_t>(l)].cache;
    std::vector<HeadCache> heads;
    for (int h = 0; h < c_.n_kv_heads; h++) heads.push_back(cache.head(h, false));
    ops_.attend_prefill(act_.q + query_floats() * skip, n, heads, model_.group(), c_.head_dim, s_.shape.kv,
                        c_.sliding_window, act_.attended);
    x += static_cast<size_t>(skip) * c_.dim;
    project_out(model_, l, act_.attended, n, x, act_);
    feed_forward(model_, l, x, n, act_);
  }

  /// Copy those of the chunk's queries that are among the last n_queries of the prompt.
  void keep_queries(int from, int n, float* queries) {
    const int first = std::max(from, n_ - n_queries_);
    if (first >= from + n) return;
    ops_.copy(queries + query_floats() * (first - (n_ - n_queries_)), act_.q + query_floats() * (first - from),
              sizeof(float) * query_floats() * (from + n - first));
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
  const rkv_plan* plan_;
  Progress& progress_;
  const int chunk_;
  const int n_queries_;
  std::vector<int32_t> positions_;
  Buffer hidden_;  // [n, dim]: the residual stream of the whole prompt
  Buffer rope_;
  Activations act_;
  int64_t compress_ns_ = 0, full_bytes_ = 0;
};

}  // namespace

void check_tokens(const Model& model, std::span<const int32_t> tokens) {
  for (size_t i = 0; i < tokens.size(); i++) {
    if (tokens[i] < 0 || tokens[i] >= model.config.vocab_size) {
      fail(RKV_E_ARG, "token %zu must be between 0 and %d: found %d", i, model.config.vocab_size - 1, tokens[i]);
    }
  }
}

void prefill(Session& session, std::span<const int32_t> tokens, const rkv_plan* plan, rkv_compress_report* report,
             rkv_progress* progress_block) {
  if (tokens.empty()) fail(RKV_E_ARG, "cannot prefill: expected at least 1 token, found 0");
  if (tokens.size() > size_t{1} << 28)
    fail(RKV_E_ARG, "cannot prefill: expected at most 2^28 tokens, found %zu", tokens.size());
  check_tokens(session.model, tokens);
  if (plan != nullptr) check_plan(*plan, session.model.config.head_dim);
  const Stopwatch watch;
  Account& kv = session.model.kv;
  const int64_t others = kv.live - session.kv_bytes(), model_peak = kv.peak;
  kv.peak = kv.live;
  const std::vector<LayerState> before = session.layers;  // shares the blocks; put back if the call fails
  Progress progress(progress_block);
  try {
    Prefill work(session, tokens, plan, progress);
    work.run();
    session.stats.compress_ns += work.compress_ns();
    session.stats.prefill_ns += watch.elapsed_ns() - work.compress_ns();
    if (report != nullptr && plan != nullptr) report->bytes_before = work.full_bytes(), report_cache(session, report);
  } catch (...) {
    session.layers = before;
    kv.peak = std::max(kv.peak, model_peak);
    throw;
  }
  session.stats.kv_peak_bytes = std::max(session.stats.kv_peak_bytes, kv.peak - others);
  kv.peak = std::max(kv.peak, model_peak);
  session.tokens.insert(session.tokens.end(), tokens.begin(), tokens.end());
  session.state = plan != nullptr ? SessionState::kReady : SessionState::kPrefilled;
  if (plan != nullptr) session.plan = *plan;
}

}  // namespace rkv
