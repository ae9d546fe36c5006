// Projections y = x W^T + b over weights in their file layout, which are never expanded as a whole.
//
// Few rows of x (decode) are bound by reading the weights: activations are quantised to int8 and multiplied with the
// blocks in place. Many rows (prefill) are bound by arithmetic: panels of weights are unpacked to bf16 or f32 in a
// worker's L2 cache and multiplied with all rows.
#pragma once

#include <cstdint>
#include <span>

#include "core/ops.h"
#include "cpu/cpu_level.h"
#include "cpu/thread_pool.h"

namespace rkv::cpu {

/// Eight blocks of 32 activations of one token: x = scale * q with scale = max|x| / 127 of the block. All that a kernel
/// needs is at a fixed distance from one pointer. Blocks past the end of a row are zero.
struct alignas(64) ActivationGroup {
  int8_t q[4][2][2][16];  // in [-127, 127]: the first halves of two blocks, then their second halves
  float scale[8];
  float sum[8];       // scale * sum of q
  float scale16[16];  // of every 16 activations, for types with scales that fine
  float sum16[16];
};

/// What all projections of a call share.
struct LinearInput {
  const float* x;  // [n, cols]
  int n, cols;
  const ActivationGroup* groups;  // [n, activation_groups(cols)], for the decode path of quantised types
  const uint16_t* bf16;           // [n, bf16_stride(cols)], zeros behind cols, for bf16 panels
};

/// Kernels of one CpuLevel.
struct LinearKernels {
  int panel_rows;     // output rows of a prefill panel
  bool has_bf16_dot;  // quantised and bf16 weights become bf16 panels, else f32
  void (*quantize_row)(const float* x, int cols, ActivationGroup* groups);
  void (*round_row)(const float* x, int cols, uint16_t* bf16);
  /// Output rows [first, last) for all x.n tokens.
  void (*decode_rows)(const Projection& projection, const LinearInput& x, int first, int last);
  /// Output rows [first, first + panel_rows), as far as they exist, for tokens [t0, t1); `panel` is kPanelBytes.
  void (*prefill_panel)(const Projection& projection, const LinearInput& x, int first, int t0, int t1, void* panel);
  void (*dequantize_row)(DType dtype, const uint8_t* row, int cols, float* out);
};

/// The table of a level, which the processor must support.
const LinearKernels& linear_kernels(CpuLevel level);

constexpr int64_t kPanelBytes = 256 << 10;
constexpr int activation_groups(int cols) { return (cols + 255) / 256; }
constexpr int bf16_stride(int cols) { return (cols + 31) / 32 * 32; }

/// Grow-only memory of a pool's calls. One call at a time.
class LinearScratch {
 public:
  LinearScratch() = default;
  ~LinearScratch();
  LinearScratch(const LinearScratch&) = delete;
  LinearScratch& operator=(const LinearScratch&) = delete;

  /// n rows of `cols` elements. Throws std::bad_alloc.
  ActivationGroup* groups(int n, int cols);
  uint16_t* bf16(int n, int cols);
  uint8_t* panels(int workers);  // [workers, kPanelBytes]
  int64_t bytes() const;

 private:
  struct Buffer {
    uint8_t* data = nullptr;
    int64_t bytes = 0;
    uint8_t* reserve(int64_t wanted);
  };
  Buffer groups_, bf16_, panels_;
};

/// Rows of x up to which linear() takes the decode path.
constexpr int kDecodeRows = 16;

/// Every projection of x[n, projections[i].weight->cols]. Picks linear_decode() up to kDecodeRows, else
/// linear_prefill().
void linear(ThreadPool& pool, const LinearKernels& kernels, LinearScratch& scratch, const float* x, int n,
            std::span<const Projection> projections);

/// Any n. Row i of the result has the same bits whatever else is in x and however many threads work.
void linear_decode(ThreadPool& pool, const LinearKernels& kernels, LinearScratch& scratch, const float* x, int n,
                   std::span<const Projection> projections);

/// Any n. Activations are rounded to bf16 for quantised and bf16 weights where the level has a bf16 dot product.
void linear_prefill(ThreadPool& pool, const LinearKernels& kernels, LinearScratch& scratch, const float* x, int n,
                    std::span<const Projection> projections);

}  // namespace rkv::cpu
