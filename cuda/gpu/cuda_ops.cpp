// The CUDA backend: every op of core/ops.h forwarded to its kernel file, in one stream per model.
#include <cstring>
#include <vector>

#include "core/backend.h"
#include "gpu/device.h"
#include "gpu/kernels.h"

namespace rkv::gpu {
namespace {

/// Bytes of an upload that go the way of kernel parameters: nobody waits.
constexpr size_t kStagedUpload = 16 << 10;

class CudaOps final : public Ops {
 public:
  explicit CudaOps(int device) : launcher_(device) {}

  void* allocate(size_t bytes) override {
    launcher_.begin_op();
    return launcher_.allocator().allocate(bytes);
  }
  void release(void* p, size_t bytes) override { launcher_.allocator().release(p, bytes); }
  void upload(void* device, const void* host, size_t bytes) override {
    launcher_.begin_op();
    if (bytes <= kStagedUpload) {
      const std::span values(static_cast<const uint8_t*>(host), bytes);
      return gpu::copy(launcher_, device, launcher_.stage(values), bytes);
    }
    launcher_.flush();
    check(cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, launcher_.stream()), "copy to the device");
    launcher_.wait();  // the caller may change its memory
  }
  void download(void* host, const void* device, size_t bytes) override {
    launcher_.begin_op();
    launcher_.flush();
    check(cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, launcher_.stream()), "copy from the device");
    launcher_.wait();
  }
  void copy(void* to, const void* from, size_t bytes) override { gpu::copy(launcher_, to, from, bytes); }

  Weight place(const Weight& mapped) override {
    launcher_.begin_op();
    std::vector<uint8_t> packed(packed_bytes(mapped));
    Weight weight = mapped;
    auto* memory = static_cast<uint8_t*>(launcher_.allocator().claim(packed.size()));
    weight.data = memory;
    try {
      pack_weight(mapped, packed.data());
      upload(memory, packed.data(), packed.size());
    } catch (...) {
      unplace(weight);
      throw;
    }
    return weight;
  }
  void unplace(const Weight& weight) override { cudaFree(const_cast<uint8_t*>(weight.data)); }
  void wait() override {
    launcher_.begin_op();
    launcher_.wait();
  }
  int threads() const override { return launcher_.multiprocessors(); }

  void begin_step(bool repeatable) override {
    launcher_.begin_op();
    launcher_.allocator().hold_reserve();
    launcher_.begin_step(repeatable);
  }
  void begin_stage(Stage stage) override { launcher_.begin_stage(stage); }
  StageTimes end_step() override { return launcher_.end_step(); }
  void abandon_step() override { launcher_.abandon_step(); }

  void embed(const Weight& table, const int32_t* tokens, int n, float* x) override {
    launcher_.begin_op();
    gpu::embed(launcher_, table, tokens, n, x);
  }
  void rms_norm(const float* x, const float* weight, float eps, int n, int dim, float* y) override {
    launcher_.begin_op();  // one of the ops that every layer has
    gpu::rms_norm(launcher_, x, weight, eps, n, dim, y);
  }
  void linear(const float* x, int n, std::span<const Projection> projections, LinearUse use) override {
    gpu::linear(launcher_, linear_scratch_, x, n, projections, use);
  }
  void add(float* x, const float* y, int64_t count) override { gpu::add(launcher_, x, y, count); }
  void silu_mul(float* gate, const float* up, int64_t count) override { gpu::silu_mul(launcher_, gate, up, count); }

  void rope_table(const int32_t* positions, int n, const double* inv_freq, int pairs, float factor,
                  float* table) override {
    gpu::rope_table(launcher_, positions, n, inv_freq, pairs, factor, table);
  }
  void rotate_and_append(const RotateShape& shape, float* q, float* k, int n, const float* table,
                         std::span<const Append> appends, std::span<const PageWork> pages) override {
    gpu::rotate_and_append(launcher_, shape, q, k, n, table, appends, pages);
  }
  void attend_prefill(const float* q, int n, std::span<const HeadCache> heads, int group, int d, DType kv,
                      int sliding_window, float* out) override {
    gpu::attend_prefill(launcher_, q, n, heads, group, d, kv, sliding_window, out);
  }
  void select(std::span<DecodeHead> heads, int group, int d, DType kv) override {
    gpu::select(launcher_, select_scratch_, heads, group, d, kv);
  }
  void attend(std::span<DecodeHead> heads, int group, int d, DType kv) override {
    gpu::attend(launcher_, attend_scratch_, heads, group, d, kv);
  }

  void vote(std::span<const VoteHead> heads, int group, int d, DType kv) override {
    gpu::vote(launcher_, vote_scratch_, heads, group, d, kv);
  }
  void keep_best(std::span<const KeepHead> heads) override { gpu::keep_best(launcher_, vote_scratch_, heads); }
  void gather(const HeadCache& cache, const int32_t* slots, int n, int d, DType kv, void* k, void* v,
              int32_t* position) override {
    gpu::gather(launcher_, cache, slots, n, d, kv, k, v, position);
  }
  void build_bounds(std::span<const PageWork> work, int d) override { gpu::build_bounds(launcher_, work, d); }

  void evict_step(std::span<const StepHead> heads, int d, DType kv) override {
    gpu::evict_step(launcher_, heads, d, kv);
  }
  void attend_listed(const float* q, int n, std::span<const ListedRows> rows, int n_heads, int d, DType kv,
                     float* out) override {
    gpu::attend_listed(launcher_, q, n, rows, n_heads, d, kv, out);
  }
  void block_scores(const float* q, int n, int first_slot, std::span<const HeadCache> heads, int group, int d, DType kv,
                    float* score) override {
    gpu::block_scores(launcher_, score_scratch_, q, n, first_slot, heads, group, d, kv, score);
  }
  void score_keys(std::span<const KeyScoreHead> heads, const rkv_plan& plan, int layer, int d, DType kv) override {
    gpu::score_keys(launcher_, score_scratch_, heads, plan, layer, d, kv);
  }
  void observe_queries(const float* q, int n, int n_heads, int d, double* sums) override {
    gpu::observe_queries(launcher_, q, n, n_heads, d, sums);
  }
  void expected_score(std::span<const ExpectedHead> heads, int group, int d, DType kv) override {
    gpu::expected_score(launcher_, score_scratch_, heads, group, d, kv);
  }
  void weigh_by_value(std::span<const ValueHead> heads, float epsilon, int d, DType kv) override {
    gpu::weigh_by_value(launcher_, heads, epsilon, d, kv);
  }
  void output_norms(std::span<const ValueHead> heads, const Weight& wo, int group, int d, DType kv) override {
    gpu::output_norms(launcher_, score_scratch_, heads, wo, group, d, kv);
  }
  void sum_values(const HeadCache& cache, int d, DType kv, float* sum) override {
    gpu::sum_values(launcher_, score_scratch_, cache, d, kv, sum);
  }
  void quantise(std::span<const QuantHead> heads, int d, DType kv) override { gpu::quantise(launcher_, heads, d, kv); }

  void sample(std::span<const SampleRequest> requests, int vocab_size, int32_t* tokens) override {
    launcher_.begin_op();
    gpu::sample(launcher_, sample_scratch_, requests, vocab_size, tokens);
  }

 private:
  Launcher launcher_;
  // An op's scratch is its own: recorded work of one op must not find what a later one has left there.
  Scratch linear_scratch_{launcher_.allocator()}, select_scratch_{launcher_.allocator()},
      attend_scratch_{launcher_.allocator()}, vote_scratch_{launcher_.allocator()},
      score_scratch_{launcher_.allocator()}, sample_scratch_{launcher_.allocator()};
};

}  // namespace

std::unique_ptr<Ops> make_ops(int index) {
  require_usable(index);
  return std::make_unique<CudaOps>(index);
}

}  // namespace rkv::gpu
