// The CPU backend: every op of core/ops.h forwarded to its file, with the model's thread pool and instruction set.
#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <new>

#include "core/backend.h"
#include "core/clock.h"
#include "core/failure.h"
#include "cpu/append.h"
#include "cpu/attend.h"
#include "cpu/attend_listed.h"
#include "cpu/attend_prefill.h"
#include "cpu/bandwidth.h"
#include "cpu/block_scores.h"
#include "cpu/bounds.h"
#include "cpu/evict_step.h"
#include "cpu/expected_score.h"
#include "cpu/gather.h"
#include "cpu/keep_best.h"
#include "cpu/linear.h"
#include "cpu/observe_queries.h"
#include "cpu/output_norms.h"
#include "cpu/quantise.h"
#include "cpu/sampler.h"
#include "cpu/score_keys.h"
#include "cpu/select.h"
#include "cpu/values.h"
#include "cpu/vector.h"
#include "cpu/vote.h"

namespace rkv::cpu {
namespace {

constexpr size_t kHugePage = 2 << 20;

class CpuOps final : public Ops {
 public:
  CpuOps(int threads, CpuLevel level) : pool_(threads), level_(level), linear_(linear_kernels(level)) {}

  void* allocate(size_t bytes) override {
    // A step walks through the whole cache: with small pages a third of the read bandwidth goes into address
    // translation.
    const bool large = bytes >= kHugePage;
    void* p = nullptr;
    if (posix_memalign(&p, large ? kHugePage : 64, bytes > 0 ? bytes : 1) != 0) {
      fail(RKV_E_MEMORY, "out of memory: cannot allocate %zu bytes", bytes);
    }
    if (large) madvise(p, bytes, MADV_HUGEPAGE);  // a wish: whether it is granted changes no result
    return p;
  }
  void release(void* p, size_t) override { std::free(p); }
  void upload(void* device, const void* host, size_t bytes) override { copy(device, host, bytes); }
  void download(void* host, const void* device, size_t bytes) override { copy(host, device, bytes); }
  void copy(void* to, const void* from, size_t bytes) override {
    if (bytes > 0) std::memcpy(to, from, bytes);
  }
  Weight place(const Weight& mapped) override { return mapped; }  // used where it is mapped
  void unplace(const Weight&) override {}
  void wait() override {}
  int threads() const override { return pool_.size(); }

  void begin_step(bool) override {
    times_ = {};
    stage_ = Stage::kLinear;
    watch_ = Stopwatch();
  }
  void begin_stage(Stage stage) override {
    add_lap();
    stage_ = stage;
  }
  StageTimes end_step() override {
    add_lap();
    return times_;
  }
  void abandon_step() override {}

  void embed(const Weight& table, const int32_t* tokens, int n, float* x) override {
    const int64_t stride = row_bytes(table.dtype, table.cols);
    for (int i = 0; i < n; i++) {
      linear_.dequantize_row(table.dtype, table.data + tokens[i] * stride, table.cols, x + int64_t{i} * table.cols);
    }
  }
  void rms_norm(const float* x, const float* weight, float eps, int n, int dim, float* y) override {
    cpu::rms_norm(pool_, level_, x, weight, eps, n, dim, y);
  }
  void linear(const float* x, int n, std::span<const Projection> projections, LinearUse use) override {
    if (use == LinearUse::kDecode)
      cpu::linear_decode(pool_, linear_, scratch_, x, n, projections);
    else
      cpu::linear(pool_, linear_, scratch_, x, n, projections);
  }
  void add(float* x, const float* y, int64_t count) override { cpu::add(pool_, level_, x, y, count); }
  void silu_mul(float* gate, const float* up, int64_t count) override { cpu::silu_mul(pool_, level_, gate, up, count); }

  void rope_table(const int32_t* positions, int n, const double* inv_freq, int pairs, float factor,
                  float* table) override {
    cpu::rope_table(pool_, positions, n, inv_freq, pairs, factor, table);
  }
  void rotate_and_append(const RotateShape& shape, float* q, float* k, int n, const float* table,
                         std::span<const Append> appends, std::span<const PageWork> pages) override {
    rope(pool_, level_, q, n, shape.n_heads, shape.d, shape.pairs, shape.interleaved, table);
    rope(pool_, level_, k, n, shape.n_kv_heads, shape.d, shape.pairs, shape.interleaved, table);
    append(pool_, level_, appends, shape.n_kv_heads, shape.d);
    if (!pages.empty()) build_bounds(pages, shape.d);
  }
  void attend_prefill(const float* q, int n, std::span<const HeadCache> heads, int group, int d, DType kv,
                      int sliding_window, float* out) override {
    cpu::attend_prefill(pool_, level_, q, n, heads, group, d, kv, sliding_window, out);
  }
  void select(std::span<DecodeHead> heads, int group, int d, DType kv) override {
    cpu::select(pool_, level_, heads, group, d, kv);
  }
  void attend(std::span<DecodeHead> heads, int group, int d, DType kv) override {
    cpu::attend(pool_, level_, heads, group, d, kv);
  }
  void evict_step(std::span<const StepHead> heads, int d, DType kv) override { cpu::evict_step(pool_, heads, d, kv); }

  void vote(std::span<const VoteHead> heads, int group, int d, DType kv) override {
    cpu::vote(pool_, level_, heads, group, d, kv);
  }
  void score_keys(std::span<const KeyScoreHead> heads, const rkv_plan& plan, int layer, int d, DType kv) override {
    cpu::score_keys(pool_, level_, heads, plan, layer, d, kv);
  }
  void weigh_by_value(std::span<const ValueHead> heads, float epsilon, int d, DType kv) override {
    cpu::weigh_by_value(pool_, level_, heads, epsilon, d, kv);
  }
  void sum_values(const HeadCache& cache, int d, DType kv, float* sum) override {
    cpu::sum_values(pool_, level_, cache, d, kv, sum);
  }
  void observe_queries(const float* q, int n, int n_heads, int d, double* sums) override {
    cpu::observe_queries(pool_, level_, q, n, n_heads, d, sums);
  }
  void expected_score(std::span<const ExpectedHead> heads, int group, int d, DType kv) override {
    cpu::expected_score(pool_, level_, heads, group, d, kv);
  }
  void output_norms(std::span<const ValueHead> heads, const Weight& wo, int group, int d, DType kv) override {
    cpu::output_norms(pool_, level_, heads, wo, group, d, kv);
  }
  void block_scores(const float* q, int n, int first_slot, std::span<const HeadCache> heads, int group, int d, DType kv,
                    float* score) override {
    cpu::block_scores(pool_, level_, q, n, first_slot, heads, group, d, kv, score);
  }
  void keep_best(std::span<const KeepHead> heads) override { cpu::keep_best(pool_, heads); }
  void gather(const HeadCache& cache, const int32_t* slots, int n, int d, DType kv, void* k, void* v,
              int32_t* position) override {
    cpu::gather(pool_, cache, slots, n, d, kv, k, v, position);
  }
  void build_bounds(std::span<const PageWork> work, int d) override { cpu::build_bounds(pool_, level_, work, d); }

  void attend_listed(const float* q, int n, std::span<const ListedRows> rows, int n_heads, int d, DType kv,
                     float* out) override {
    cpu::attend_listed(pool_, level_, q, n, rows, n_heads, d, kv, out);
  }
  void quantise(std::span<const QuantHead> heads, int d, DType kv) override {
    cpu::quantise(pool_, level_, heads, d, kv);
  }

  void sample(std::span<const SampleRequest> requests, int vocab_size, int32_t* tokens) override {
    pool_.run(static_cast<int>(requests.size()),
              [&](int task, int) { tokens[task] = cpu::sample(requests[static_cast<size_t>(task)], vocab_size); });
  }

 private:
  void add_lap() {
    int64_t* const ns[] = {&times_.linear_ns, &times_.select_ns, &times_.attend_ns, &times_.sample_ns};
    *ns[static_cast<int>(stage_)] += watch_.lap();
  }

  ThreadPool pool_;
  const CpuLevel level_;
  const LinearKernels& linear_;
  LinearScratch scratch_;
  Stage stage_ = Stage::kLinear;
  StageTimes times_;
  Stopwatch watch_;
};

CpuLevel required_level(int cpu_level) {
  const CpuLevel best = best_cpu_level();
  if (best == CpuLevel::none) fail(RKV_E_DEVICE, "cannot use the CPU: expected AVX2, FMA and F16C");
  if (cpu_level > static_cast<int>(best)) {
    fail(RKV_E_ARG, "cpu_level must be at most %d (%s) on this machine: found %d", static_cast<int>(best),
         cpu_level_name(best), cpu_level);
  }
  return cpu_level == 0 ? best : static_cast<CpuLevel>(cpu_level);
}

}  // namespace

std::unique_ptr<Ops> make_ops(int threads, int cpu_level) {
  return std::make_unique<CpuOps>(threads > 0 ? threads : usable_threads(), required_level(cpu_level));
}

}  // namespace rkv::cpu
