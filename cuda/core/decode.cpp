#include "core/decode.h"

#include <algorithm>

#include "core/decode_heads.h"
#include "core/draw.h"
#include "core/failure.h"
#include "core/forward.h"
#include "core/prefill.h"
#include "core/shifted_queries.h"
#include "core/step_evict.h"
#include "core/step_trace.h"

namespace rkv {
namespace {

/// Positions of the tokens that are fed. Makes room for them in the caches: whatever takes memory comes before the
/// step, so that running out of it changes nothing.
std::vector<int32_t> make_room(std::span<Session* const> sessions) {
  std::vector<int32_t> positions;
  for (Session* s : sessions) {
    positions.push_back(s->n_tokens());
    for (LayerState& layer : s->layers) {
      layer.cache.quantise(s->model, s->shape, s->options);
      layer.cache.reserve(s->model, s->shape, 1, 0);
    }
  }
  return positions;
}

class DecodeStep {
 public:
  DecodeStep(std::span<Session* const> sessions, std::span<const int32_t> tokens)
      : sessions_(sessions),
        tokens_(tokens),
        model_(sessions[0]->model),
        ops_(model_.ops()),
        c_(model_.config),
        n_(static_cast<int>(sessions.size())),
        positions_(make_room(sessions)),
        hidden_(ops_, sizeof(float) * static_cast<size_t>(n_) * c_.dim),
        rope_(make_rope_table(model_, positions_.data(), n_)),
        act_(model_, n_, LinearUse::kDecode),
        heads_(sessions, positions_),
        shifted_(sessions, positions_),
        eviction_(sessions, positions_),
        tracer_(sessions),
        read_(sessions.size()) {
    for (int i = 0; i < n_; i++) {
      logits_.push_back(std::make_shared<const Buffer>(ops_, sizeof(float) * c_.vocab_size));
    }
    if (n_ > 1) all_logits_ = Buffer(ops_, sizeof(float) * static_cast<size_t>(n_) * c_.vocab_size);
  }

  /// @param samplers  One per session, or NULL to draw nothing.
  void run(const rkv_sampler* samplers, int32_t* drawn) {
    ops_.begin_step(repeatable());
    try {
      compute();
      commit();
      if (samplers != nullptr) {
        ops_.begin_stage(Stage::kSample);
        draw(sessions_, samplers, drawn);
      }
      share_times(ops_.end_step());
    } catch (...) {
      ops_.abandon_step();
      for (Session* s : sessions_) s->reset();  // some layers hold the new token, others do not
      throw;
    }
  }

 private:
  void compute() {
    ops_.embed(model_.embed, tokens_.data(), n_, hidden_.as<float>());
    float* x = hidden_.as<float>();
    for (int l = 0; l < c_.n_layers; l++) {
      project_qkv(model_, l, x, n_, act_);
      const float* q_sinks = shifted_.rotate(l, act_.q);
      append(l);
      attend(l, {act_.q, q_sinks});
      if (eviction_.needed()) evict(l);
      ops_.begin_stage(Stage::kLinear);
      project_out(model_, l, act_.attended, n_, x, act_);
      feed_forward(model_, l, x, n_, act_);
    }
    write_logits(x);
  }

  /// Whether the step hands nothing to the host: no trace, no lists to be counted, no positions to be searched.
  bool repeatable() const {
    return std::none_of(sessions_.begin(), sessions_.end(), [&](const Session* s) {
      const bool counted = std::any_of(s->plans.begin(), s->plans.end(), [&](const rkv_plan& plan) {
        // Of quantised rows the bytes that were read depend on which ones are listed.
        if (s->options.kv_bits != 0 && (plan.keep_history != 0 || plan.agree == RKV_AGREE_HEAD)) return true;
        return plan.select != RKV_SELECT_ALL &&
               (plan.rank == RKV_RANK_PER_HEAD || plan.whole_pages != 0 || s->options.kv_bits != 0);
      });
      return s->options.trace != 0 || counted || (c_.sliding_window > 0 && s->n_tokens() >= c_.sliding_window);
    });
  }

  void append(int l) {
    const size_t cols = static_cast<size_t>(c_.n_kv_heads) * c_.head_dim;
    appends_.clear(), pages_.clear();
    for (size_t i = 0; i < sessions_.size(); i++) {
      Session& s = *sessions_[i];
      LayerCache& cache = s.layers[static_cast<size_t>(l)].cache;
      cache.append(model_, s.shape, act_.k + i * cols, act_.v + i * cols, positions_[i], 1, &appends_);
      const rkv_plan& plan = s.plan(l);
      if (plan.step_keep > 0 && plan.step_evict == RKV_STEP_OLDEST) cache.drop_oldest(plan);
      cache.collect_pages(s.shape, 1, &pages_);
    }
    ops_.rotate_and_append(rotate_shape(model_), act_.q, act_.k, n_, rope_.as<float>(), appends_, pages_);
  }

  void attend(int l, const StepQueries& queries) {
    const std::span<HeadBatch> batches = heads_.gather(l, queries, act_.attended);
    ops_.begin_stage(Stage::kSelect);
    for (HeadBatch& b : batches) {
      if (std::any_of(b.heads.begin(), b.heads.end(), [](const DecodeHead& h) { return h.select; })) {
        ops_.select(b.heads, b.group, c_.head_dim, b.kv);
      }
    }
    ops_.begin_stage(Stage::kAttend);
    for (HeadBatch& b : batches) ops_.attend(b.heads, b.group, c_.head_dim, b.kv);
    for (const HeadBatch& b : batches) {
      for (size_t i = 0; i < b.heads.size(); i++) {
        Read& read = read_[b.owners[i].session];
        read.score += b.heads[i].score_read_bytes;
        read.attend += b.heads[i].attend_read_bytes;
        read.tokens += b.heads[i].tokens_attended;
      }
    }
    tracer_.record(l, queries, batches);
  }

  void evict(int l) {
    ops_.begin_stage(Stage::kSelect);
    const std::vector<int64_t> scored = eviction_.run(l, act_.q);
    for (size_t i = 0; i < scored.size(); i++) read_[i].score += scored[i];
  }

  void write_logits(const float* x) {
    if (n_ == 1) {
      project_logits(model_, x, 1, logits_[0]->as<float>(), act_);
      return;
    }
    project_logits(model_, x, n_, all_logits_.as<float>(), act_);
    for (size_t i = 0; i < sessions_.size(); i++) {
      ops_.copy(logits_[i]->as<float>(), all_logits_.as<float>() + i * c_.vocab_size, sizeof(float) * c_.vocab_size);
    }
  }

  void commit() {
    for (size_t i = 0; i < sessions_.size(); i++) {
      Session& s = *sessions_[i];
      s.tokens.push_back(tokens_[i]);
      s.logits = logits_[i];
      rkv_session_stats& stats = s.stats;
      stats.n_steps++;
      stats.score_read_bytes = read_[i].score, stats.attend_read_bytes = read_[i].attend;
      stats.tokens_attended = read_[i].tokens;
      stats.total_score_read_bytes += read_[i].score, stats.total_attend_read_bytes += read_[i].attend;
    }
    tracer_.commit();
  }

  void share_times(const StageTimes& times) {
    for (Session* s : sessions_) {
      s->stats.linear_ns += times.linear_ns / n_;
      s->stats.select_ns += times.select_ns / n_;
      s->stats.attend_ns += times.attend_ns / n_;
      s->stats.sample_ns += times.sample_ns / n_;
    }
  }

  struct Read {
    int64_t score = 0, attend = 0, tokens = 0;
  };

  std::span<Session* const> sessions_;
  std::span<const int32_t> tokens_;
  Model& model_;
  Ops& ops_;
  const rkv_model_config& c_;
  const int n_;
  const std::vector<int32_t> positions_;
  Buffer hidden_, rope_, all_logits_;
  Activations act_;
  DecodeHeads heads_;
  ShiftedQueries shifted_;
  StepEviction eviction_;
  StepTracer tracer_;
  std::vector<SharedBuffer> logits_;
  std::vector<Read> read_;
  std::vector<Append> appends_;
  std::vector<PageWork> pages_;
};

}  // namespace

void decode_step(std::span<Session* const> sessions, std::span<const int32_t> tokens, const rkv_sampler* samplers,
                 int32_t* drawn) {
  for (const Session* s : sessions) {
    if (s->state != SessionState::kReady) fail(RKV_E_STATE, "cannot decode: the session is not compressed yet");
  }
  check_tokens(sessions[0]->model, tokens);
  DecodeStep(sessions, tokens).run(samplers, drawn);
}

}  // namespace rkv
