#include "core/decode.h"

#include <algorithm>

#include "core/clock.h"
#include "core/failure.h"
#include "core/forward.h"
#include "core/plan.h"
#include "core/prefill.h"

namespace rkv {
namespace {

/// Draw a token for every session from its last logits.
void draw(std::span<Session* const> sessions, const rkv_sampler* samplers, int32_t* tokens) {
  std::vector<SampleRequest> requests;
  for (size_t i = 0; i < sessions.size(); i++) {
    const Session& s = *sessions[i];
    requests.push_back({s.logits->as<float>(), s.tokens.data(), s.n_tokens(), s.n_tokens(), samplers + i});
  }
  sessions[0]->model.ops().sample(requests, sessions[0]->model.config.vocab_size, tokens);
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
        hidden_(ops_, sizeof(float) * static_cast<size_t>(n_) * c_.dim),
        act_(model_, n_, LinearUse::kDecode),
        read_(sessions.size()) {
    for (Session* s : sessions_) positions_.push_back(s->n_tokens());
    rope_ = make_rope_table(model_, positions_.data(), n_);
    // All memory of the step is taken here, so that running out of it changes nothing.
    size_t list_elements = 0, lists = 0;
    for (Session* s : sessions_) {
      for (LayerState& layer : s->layers) layer.cache.reserve(model_, s->shape, 1, 0);
      size_t session_lists = 0, session_elements = 0;  // of the layer that needs most: layers take turns
      for (int l = 0; l < c_.n_layers; l++) {
        if (s->plan(l).select == RKV_SELECT_ALL) continue;
        const size_t layer_lists = static_cast<size_t>(c_.n_kv_heads) * n_lists(s->plan(l));
        session_lists = std::max(session_lists, layer_lists);
        session_elements = std::max(session_elements, layer_lists * list_capacity(*s, s->plan(l)));
      }
      lists += session_lists, list_elements += session_elements;
      logits_.push_back(std::make_shared<const Buffer>(ops_, sizeof(float) * c_.vocab_size));
    }
    selected_ = Buffer(ops_, sizeof(int32_t) * std::max<size_t>(list_elements, 1));
    n_selected_ = Buffer(ops_, sizeof(int32_t) * std::max<size_t>(lists, 1));
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
      append(l);
      gather_heads(l);
      ops_.begin_stage(Stage::kSelect);
      for_each_kv_dtype([&](std::span<DecodeHead> heads, DType kv) {
        if (std::any_of(heads.begin(), heads.end(), [](const DecodeHead& h) { return h.select; })) {
          ops_.select(heads, model_.group(), c_.head_dim, kv);
        }
      });
      ops_.begin_stage(Stage::kAttend);
      for_each_kv_dtype(
          [&](std::span<DecodeHead> heads, DType kv) { ops_.attend(heads, model_.group(), c_.head_dim, kv); });
      ops_.begin_stage(Stage::kLinear);
      account(l);
      project_out(model_, l, act_.attended, n_, x, act_);
      feed_forward(model_, l, x, n_, act_);
    }
    write_logits(x);
  }

  int n_lists(const rkv_plan& plan) const { return plan.rank == RKV_RANK_PER_HEAD ? model_.group() : 1; }
  static int list_capacity(const Session& s, const rkv_plan& plan) { return std::min(plan.top_k, s.n_tokens() + 1); }

  /// Whether the step hands nothing to the host: no trace, no lists to be counted, no positions to be searched.
  bool repeatable() const {
    return std::none_of(sessions_.begin(), sessions_.end(), [&](const Session* s) {
      const bool counted = std::any_of(s->plans.begin(), s->plans.end(), [](const rkv_plan& plan) {
        return plan.select != RKV_SELECT_ALL && (plan.rank == RKV_RANK_PER_HEAD || plan.whole_pages != 0);
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
      if (plan.step_keep > 0) cache.drop_oldest(plan);
      cache.collect_pages(s.shape, 1, &pages_);
    }
    ops_.rotate_and_append(rotate_shape(model_), act_.q, act_.k, n_, rope_.as<float>(), appends_, pages_);
  }

  void gather_heads(int l) {
    heads_.clear();
    int32_t* list = selected_.as<int32_t>();
    int32_t* count = n_selected_.as<int32_t>();
    const size_t head_floats = static_cast<size_t>(model_.group()) * c_.head_dim;
    for (size_t i = 0; i < sessions_.size(); i++) {
      Session& s = *sessions_[i];
      const LayerCache& cache = s.layers[static_cast<size_t>(l)].cache;
      const rkv_plan& plan = s.plan(l);
      for (int h = 0; h < c_.n_kv_heads; h++) {
        DecodeHead head = {};
        head.cache = cache.head(h, true);
        head.bounds = cache.bounds(h);
        head.q = act_.q + (i * c_.n_kv_heads + h) * head_floats;
        head.out = act_.attended + (i * c_.n_kv_heads + h) * head_floats;
        head.plan = &plan;
        head.first = first_visible(cache, h, positions_[i]);
        head.select = plan.select != RKV_SELECT_ALL && head.cache.candidates() - head.first > plan.top_k;
        if (plan.select != RKV_SELECT_ALL) {
          head.selected = list, head.n_selected = count;
          list += static_cast<size_t>(n_lists(plan)) * list_capacity(s, plan), count += n_lists(plan);
        }
        heads_.push_back(head);
      }
    }
  }

  int first_visible(const LayerCache& cache, int h, int position) const {
    const int oldest = position - c_.sliding_window + 1;
    if (c_.sliding_window == 0 || oldest <= 0) return 0;
    if (cache.candidates(h) == position + 1) return oldest;  // nothing was evicted: slot = position
    return cache.first_at(ops_, h, 0, oldest);
  }

  /// An op call handles one KV dtype; sessions of both may share a step.
  template <class F>
  void for_each_kv_dtype(F&& f) {
    const size_t per_session = static_cast<size_t>(c_.n_kv_heads);
    for (size_t i = 0; i < sessions_.size();) {
      size_t end = i + 1;
      while (end < sessions_.size() && sessions_[end]->shape.kv == sessions_[i]->shape.kv) end++;
      f(std::span(heads_).subspan(i * per_session, (end - i) * per_session), sessions_[i]->shape.kv);
      i = end;
    }
  }

  void account(int l) {
    for (size_t i = 0; i < heads_.size(); i++) {
      const DecodeHead& head = heads_[i];
      Session& s = *sessions_[i / static_cast<size_t>(c_.n_kv_heads)];
      Read& read = read_[i / static_cast<size_t>(c_.n_kv_heads)];
      read.score += head.score_read_bytes;
      read.attend += head.attend_read_bytes;
      read.tokens += head.tokens_attended;
      if (s.options.trace != 0) trace(s, l, static_cast<int>(i % static_cast<size_t>(c_.n_kv_heads)), head);
    }
  }

  void trace(Session& s, int l, int kv_head, const DecodeHead& head) {
    s.selected.resize(static_cast<size_t>(c_.n_layers) * c_.n_heads);
    const int group = model_.group();
    for (int g = 0; g < group; g++) {
      const int list = head.select && s.plan(l).rank == RKV_RANK_PER_HEAD ? g : 0;
      std::vector<int32_t> slots;
      if (head.select) {
        int32_t count;
        ops_.download(&count, head.n_selected + list, sizeof count);
        slots.resize(static_cast<size_t>(count));
        ops_.download(slots.data(), head.selected + static_cast<size_t>(list) * s.plan(l).top_k,
                      sizeof(int32_t) * slots.size());
      } else if (head.cache.index != nullptr) {
        slots.resize(static_cast<size_t>(head.cache.n_index - head.first));
        ops_.download(slots.data(), head.cache.index + head.first, sizeof(int32_t) * slots.size());
      } else {
        for (int slot = head.first; slot < head.cache.n; slot++) slots.push_back(slot);
      }
      s.selected[static_cast<size_t>(l) * c_.n_heads + kv_head * group + g] = s.positions_of(l, kv_head, slots);
    }
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
  std::vector<int32_t> positions_;
  Buffer hidden_, rope_, selected_, n_selected_, all_logits_;
  Activations act_;
  std::vector<SharedBuffer> logits_;
  std::vector<DecodeHead> heads_;  // [sessions, n_kv_heads]
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

void sample_token(Session& session, const rkv_sampler& sampler, int32_t* token) {
  if (session.logits == nullptr) fail(RKV_E_STATE, "cannot sample: the session has seen no token");
  const Stopwatch watch;
  Session* one = &session;
  draw(std::span(&one, 1), &sampler, token);
  session.stats.sample_ns += watch.elapsed_ns();
}

}  // namespace rkv
