// Attention, selection and compression alone, on the heads of one layer after another.
#include "bench_caches.h"
#include "op_bench.h"
#include "parts.h"
#include "plan_table.h"
#include "record.h"

namespace rkv::bench {
namespace {

void measure_dense(const OpBench& bench, int n, int layers) {
  const rkv_model_config& c = bench.config;
  const int group = c.n_heads / c.n_kv_heads;
  const Caches caches(bench, n, layers);
  const size_t head_floats = static_cast<size_t>(group * c.head_dim);
  const Buffer q = bench.floats(head_floats * static_cast<size_t>(c.n_kv_heads));
  const Buffer out(*bench.ops, q.bytes());
  rkv_plan plan = {};
  const double ms = bench.median_ms(layers, [&](int l) {
    std::vector<DecodeHead> heads;
    for (const HeadCache& cache : caches.layer(l)) {
      DecodeHead head = {};
      head.cache = cache;
      head.q = q.as<float>() + heads.size() * head_floats;
      head.out = out.as<float>() + heads.size() * head_floats;
      head.plan = &plan;
      heads.push_back(head);
    }
    bench.ops->attend(heads, group, c.head_dim, RKV_BF16);
  }) / layers;
  Record("attend")
      .add("tokens", n)
      .add("us", ms * 1e3)
      .add("gb_per_s", static_cast<double>(caches.layer_bytes()) / ms / 1e6)
      .print();
}

/// A layer's step after RocketKV's eviction: bounds, selection, attention over what was selected.
void measure_plan(const OpBench& bench, const PlanRow& row) {
  const rkv_model_config& c = bench.config;
  const rkv_plan& plan = row.plans.front();
  const int n = plan.evict == RKV_EVICT_NONE ? row.context : plan.keep, group = c.n_heads / c.n_kv_heads;
  if (plan.select != RKV_SELECT_PAGES || n <= plan.top_k) return;
  const int layers = Caches::layers_for(bench, n);
  const Caches caches(bench, n, layers);
  const int pitch = ((n + plan.page_size - 1) / plan.page_size + 15) / 16 * 16;
  const size_t head_bounds = size_t{4} * static_cast<size_t>(c.head_dim) * static_cast<size_t>(pitch);
  const size_t head_floats = static_cast<size_t>(group * c.head_dim);
  const auto n_heads = static_cast<size_t>(layers * c.n_kv_heads);
  const Buffer bounds(*bench.ops, head_bounds * n_heads);
  const Buffer q = bench.floats(head_floats * static_cast<size_t>(c.n_kv_heads)), out(*bench.ops, q.bytes());
  const Buffer selected(*bench.ops, sizeof(int32_t) * static_cast<size_t>(plan.top_k) * n_heads);
  const Buffer n_selected(*bench.ops, sizeof(int32_t) * n_heads);
  std::vector<DecodeHead> heads;
  std::vector<PageWork> pages;
  for (size_t i = 0; i < n_heads; i++) {
    const size_t in_layer = i % static_cast<size_t>(c.n_kv_heads);
    DecodeHead head = {};
    head.cache = caches.layer(static_cast<int>(i) / c.n_kv_heads)[in_layer];
    head.bounds = {bounds.as<uint8_t>() + i * head_bounds, pitch, plan.page_size};
    head.q = q.as<float>() + in_layer * head_floats;
    head.out = out.as<float>() + in_layer * head_floats;
    head.plan = &plan;
    head.select = true;
    head.selected = selected.as<int32_t>() + i * static_cast<size_t>(plan.top_k);
    head.n_selected = n_selected.as<int32_t>() + i;
    heads.push_back(head);
    pages.push_back({head.cache, head.bounds, RKV_BF16, 0});
  }
  const auto layer = [&](int l) {
    const auto size = static_cast<size_t>(c.n_kv_heads);
    return std::span(heads).subspan(static_cast<size_t>(l) * size, size);
  };
  const double bounds_ms = bench.median_ms(1, [&](int) { bench.ops->build_bounds(pages, c.head_dim); }) / layers;
  const double select_ms =
      bench.median_ms(layers, [&](int l) { bench.ops->select(layer(l), group, c.head_dim, RKV_BF16); }) / layers;
  const double attend_ms =
      bench.median_ms(layers, [&](int l) { bench.ops->attend(layer(l), group, c.head_dim, RKV_BF16); }) / layers;
  const auto heads_read = static_cast<double>(c.n_kv_heads);
  Record("select_attend")
      .add("context", row.context)
      .add("budget", row.budget)
      .add("kept", n)
      .add("top_k", plan.top_k)
      .add("bounds_us", bounds_ms * 1e3)
      .add("select_us", select_ms * 1e3)
      .add("select_gb_per_s", static_cast<double>(heads[0].score_read_bytes) * heads_read / select_ms / 1e6)
      .add("attend_us", attend_ms * 1e3)
      .add("attend_gb_per_s", static_cast<double>(heads[0].attend_read_bytes) * heads_read / attend_ms / 1e6)
      .print();
}

/// The last chunk of a prompt of `n` tokens.
void measure_prefill(const OpBench& bench, int n, int chunk) {
  const rkv_model_config& c = bench.config;
  const Caches caches(bench, n, 1);
  const Buffer q = bench.floats(static_cast<size_t>(chunk) * static_cast<size_t>(c.n_heads * c.head_dim));
  const Buffer out(*bench.ops, q.bytes());
  const double ms = bench.median_ms(1, [&](int) {
    bench.ops->attend_prefill(q.as<float>(), chunk, caches.layer(0), c.n_heads / c.n_kv_heads, c.head_dim, RKV_BF16, 0,
                              out.as<float>());
  });
  const double seen = static_cast<double>(chunk) * (n - (chunk - 1) / 2.0);  // query-key pairs of a head
  Record("attend_prefill")
      .add("tokens", n)
      .add("chunk", chunk)
      .add("us", ms * 1e3)
      .add("tflop_per_s", 4.0 * seen * c.n_heads * c.head_dim / ms / 1e9)
      .print();
}

/// SnapKV's vote over a prompt, the choice of what to keep, and its copy.
void measure_eviction(const OpBench& bench, const PlanRow& row) {
  const rkv_model_config& c = bench.config;
  const rkv_plan& plan = row.plans.front();
  if (plan.evict != RKV_EVICT_SCORE) return;
  const int n = row.context, rest = n - plan.window, keep = plan.keep - plan.window;
  const int group = c.n_heads / c.n_kv_heads, row_floats = c.n_heads * c.head_dim;
  const Caches caches(bench, n, 1);
  const auto n_heads = static_cast<size_t>(c.n_kv_heads);
  const Buffer q = bench.floats(static_cast<size_t>(plan.window * row_floats));
  const Buffer score(*bench.ops, sizeof(float) * n_heads * static_cast<size_t>(rest));
  const Buffer kept(*bench.ops, sizeof(int32_t) * n_heads * static_cast<size_t>(keep));
  const size_t kept_bytes = size_t{2} * static_cast<size_t>(keep) * static_cast<size_t>(c.head_dim);
  const Buffer k(*bench.ops, kept_bytes * n_heads), v(*bench.ops, kept_bytes * n_heads);
  const Buffer position(*bench.ops, kept.bytes());
  std::vector<VoteHead> voters;
  std::vector<KeepHead> keepers;
  for (size_t h = 0; h < n_heads; h++) {
    float* head_score = score.as<float>() + h * static_cast<size_t>(rest);
    const float* head_q = q.as<float>() + h * static_cast<size_t>(group * c.head_dim);
    voters.push_back(
        {caches.layer(0)[h], head_q, row_floats, plan.window, 0, rest, VoteSum::kGroup, false, head_score, nullptr});
    keepers.push_back({head_score, rest, keep, plan.sinks, plan.pool, plan.pool_width, false,
                       kept.as<int32_t>() + h * static_cast<size_t>(keep)});
  }
  const double vote_ms = bench.median_ms(1, [&](int) { bench.ops->vote(voters, group, c.head_dim, RKV_BF16); });
  const double keep_ms = bench.median_ms(1, [&](int) { bench.ops->keep_best(keepers); });
  const double gather_ms = bench.median_ms(1, [&](int) {
    for (size_t h = 0; h < n_heads; h++) {
      bench.ops->gather(caches.layer(0)[h], keepers[h].kept, keep, c.head_dim, RKV_BF16,
                        k.as<uint8_t>() + h * kept_bytes, v.as<uint8_t>() + h * kept_bytes,
                        position.as<int32_t>() + h * static_cast<size_t>(keep));
    }
  });
  Record("evict")
      .add("context", n)
      .add("budget", row.budget)
      .add("keep", plan.keep)
      .add("vote_us", vote_ms * 1e3)
      .add("keep_best_us", keep_ms * 1e3)
      .add("gather_us", gather_ms * 1e3)
      .print();
}

}  // namespace

void run_attention(const Options& options) {
  const OpBench bench(options);
  const std::vector<PlanRow> rows =
      read_plans(options.text("plans", "scripts/gpu_check/plans.csv"), options.text("shape", "llama-8b"));
  const std::vector<int> contexts = options.numbers("contexts", "4096,32768,131072");
  for (const int n : contexts) measure_dense(bench, n, Caches::layers_for(bench, n));
  for (const int n : contexts) {
    for (const PlanRow& row : plans_for(rows, n)) {
      measure_plan(bench, row);
      measure_eviction(bench, row);
    }
  }
  const int chunk = options.number("chunk", 2048);
  for (const int n : contexts) measure_prefill(bench, n, std::min(n, chunk));
}

}  // namespace rkv::bench
