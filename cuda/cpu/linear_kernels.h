// What projections are made of: forms of activations, and the kernels of one instruction set.
#pragma once

#include <cstdint>

#include "core/ops.h"
#include "cpu/cpu_level.h"

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

constexpr int activation_groups(int cols) { return (cols + 255) / 256; }
constexpr int bf16_stride(int cols) { return (cols + 31) / 32 * 32; }

/// What all projections of a call share.
struct LinearInput {
  const float* x;  // [n, cols]
  int n, cols;
  const ActivationGroup* groups;  // [n, activation_groups(cols)], for the decode path of quantised types
  const uint16_t* bf16;           // [n, bf16_stride(cols)], zeros behind cols, for bf16 panels
};

constexpr int64_t kPanelBytes = 128 << 10;
constexpr int kTileTokens = 6;  // tokens that are multiplied with a panel at a time; others take longer for each

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

}  // namespace rkv::cpu
