#include "core/prompt_pass.h"

#include <numeric>

#include "core/clock.h"
#include "core/compress.h"
#include "core/plan.h"
#include "core/sparse_prefill.h"

namespace rkv {
namespace {

// Tokens that go through a layer at a time: enough to pay for unpacking quantised weights once per chunk, few enough
// for the activations to stay in cache.
constexpr int kDefaultChunk = 512;

}  // namespace

PromptPass::PromptPass(Session& session, std::span<const int32_t> tokens, std::span<const rkv_plan> plans,
                       Progress& progress)
    : s_(session),
      model_(session.model),
      ops_(session.model.ops()),
      c_(session.model.config),
      tokens_(tokens),
      n_(static_cast<int>(tokens.size())),
      plans_(plans),
      observer_(session, plans),
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

void PromptPass::run() {
  progress_.start(int64_t{n_} * c_.n_layers);
  ops_.embed(model_.embed, tokens_.data(), n_, hidden_.as<float>());
  SharedBuffer queries;
  for (int l = 0; l < c_.n_layers; l++) {
    LayerState& layer = s_.layers[static_cast<size_t>(l)];
    layer.cache.begin_turn(model_, s_.shape);  // prefill attends to everything that is there
    observer_.begin_layer(l);
    // Queries of one layer are enough when it is compressed at once; otherwise every layer keeps its own.
    if (plans_.empty() || queries == nullptr) {
      queries = std::make_shared<const Buffer>(ops_, sizeof(float) * query_floats() * n_queries_);
    }
    run_layer(l, queries->as<float>());
    layer.queries = plans_.empty() ? queries : nullptr;
    if (!plans_.empty()) {
      ops_.wait();
      const Stopwatch watch;
      full_bytes_ += layer.cache.kv_bytes();
      compress_layer(s_, l, plan_of_layer(plans_, l), evidence(layer, queries->as<float>()));
      ops_.wait();
      compress_ns_ += watch.elapsed_ns();
    }
  }
  auto logits = std::make_shared<const Buffer>(ops_, sizeof(float) * c_.vocab_size);
  project_logits(model_, row(hidden_, n_ - 1, c_.dim), 1, logits->as<float>(), act_);
  ops_.wait();
  s_.logits = std::move(logits);
  s_.n_queries = plans_.empty() ? n_queries_ : 0;
  s_.n_moments = n_moments();
}

void PromptPass::run_layer(int l, float* queries) {
  if (SparsePrefill::applies(s_, l, n_)) return run_sparse_layer(l, queries);
  for_chunks([&](int from, int n) {
    take_in(l, from, n, queries);
    const int skip = unused_rows(l, from, n);
    if (skip < n) {
      attend(l, skip, n - skip);
      feed(l, from + skip, n - skip);
    }
    progress_.advance(n);
  });
}

void PromptPass::run_sparse_layer(int l, float* queries) {
  SparsePrefill sparse(s_, l, n_);
  for_chunks([&](int from, int n) {
    take_in(l, from, n, queries);
    sparse.keep_queries(act_.q, from, n);
    progress_.advance(0);
  });
  sparse.choose();
  for_chunks([&](int from, int n) {
    const int skip = unused_rows(l, from, n);
    if (skip < n) {
      sparse.attend(from + skip, n - skip, act_.attended);
      feed(l, from + skip, n - skip);
    }
    progress_.advance(n);
  });
}

int PromptPass::unused_rows(int l, int from, int n) const {
  if (l < c_.n_layers - 1) return 0;
  return from + n == n_ ? n - 1 : n;
}

void PromptPass::take_in(int l, int from, int n, float* queries) {
  LayerCache& cache = s_.layers[static_cast<size_t>(l)].cache;
  const int position = positions_[static_cast<size_t>(from)];
  project_qkv(model_, l, row(hidden_, from, c_.dim), n, act_);
  observer_.see_queries(l, act_.q, position, n);
  cache.reserve(model_, s_.shape, n, n_ - from - n);
  std::vector<Append> rows;
  cache.append(model_, s_.shape, act_.k, act_.v, position, n, &rows);
  const float* table = rope_.as<float>() + static_cast<size_t>(from) * c_.rope_dims;
  ops_.rotate_and_append(rotate_shape(model_), act_.q, act_.k, n, table, rows, {});
  observer_.see_attention(l, act_.q, n);
  keep_queries(from, n, queries);
}

void PromptPass::attend(int l, int skip, int n) {
  const LayerCache& cache = s_.layers[static_cast<size_t>(l)].cache;
  std::vector<HeadCache> heads;
  for (int h = 0; h < c_.n_kv_heads; h++) heads.push_back(cache.head(h, false));
  ops_.attend_prefill(act_.q + query_floats() * skip, n, heads, model_.group(), c_.head_dim, s_.shape.kv,
                      c_.sliding_window, act_.attended);
}

void PromptPass::feed(int l, int from, int n) {
  float* x = row(hidden_, from, c_.dim);
  project_out(model_, l, act_.attended, n, x, act_);
  feed_forward(model_, l, x, n, act_);
}

void PromptPass::keep_queries(int from, int n, float* queries) {
  const int first = std::max(from, n_ - n_queries_);
  if (first >= from + n) return;
  ops_.copy(queries + query_floats() * (first - (n_ - n_queries_)), act_.q + query_floats() * (first - from),
            sizeof(float) * query_floats() * (from + n - first));
}

}  // namespace rkv
