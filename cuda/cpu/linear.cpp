#include "cpu/linear.h"

#include <algorithm>

#include "cpu/kernel_set.h"

namespace rkv::cpu {

namespace avx2 {
extern const LinearKernels linear_table;
}
namespace avx512 {
extern const LinearKernels linear_table;
}
namespace avx512bf16 {
extern const LinearKernels linear_table;
}

const LinearKernels& linear_kernels(CpuLevel level) {
  return for_level(level, avx2::linear_table, avx512::linear_table, avx512bf16::linear_table);
}

namespace {

bool is_quantized(DType dtype) { return block_elements(dtype) > 1; }

/// f32 and f16 weights keep their precision; the rest is rounded to bf16 where that is faster.
bool uses_bf16(const LinearKernels& kernels, DType dtype) {
  return kernels.has_bf16_dot && dtype != RKV_F32 && dtype != RKV_F16;
}

/// Call per_row for every row; by the caller alone where waking others takes longer.
template <class Fn>
void for_each_row(ThreadPool& pool, int n, int cols, Fn&& per_row) {
  constexpr int64_t kElementsPerTask = 16384;
  const int rows = static_cast<int>(std::clamp<int64_t>(kElementsPerTask / cols, 1, n));
  pool.run((n + rows - 1) / rows, [&](int task, int) {
    for (int i = task * rows; i < std::min(n, (task + 1) * rows); i++) per_row(i);
  });
}

/// Cut the output rows of all projections into slices, rows_of(projection) each, and call fn(projection, first row,
/// index) for every slice and every index in [0, copies), in one parallel region.
template <class RowsOf, class Fn>
void for_each_slice(ThreadPool& pool, std::span<const Projection> projections, int copies, RowsOf&& rows_of, Fn&& fn) {
  const auto slices_of = [&](const Projection& p) { return (p.weight->rows + rows_of(p) - 1) / rows_of(p); };
  int n = 0;
  for (const Projection& p : projections) n += slices_of(p);
  pool.run(n * copies, [&](int task, int worker) {
    int slice = task / copies;
    for (const Projection& p : projections) {
      if (slice < slices_of(p)) return fn(p, slice * rows_of(p), task % copies, worker);
      slice -= slices_of(p);
    }
  });
}

}  // namespace

void linear(ThreadPool& pool, const LinearKernels& kernels, LinearScratch& scratch, const float* x, int n,
            std::span<const Projection> projections) {
  const auto path = n <= kDecodeRows ? linear_decode : linear_prefill;
  path(pool, kernels, scratch, x, n, projections);
}

void linear_decode(ThreadPool& pool, const LinearKernels& kernels, LinearScratch& scratch, const float* x, int n,
                   std::span<const Projection> projections) {
  if (n <= 0 || projections.empty()) return;
  LinearInput input = {x, n, projections[0].weight->cols, nullptr, nullptr};
  if (std::ranges::any_of(projections, [](const Projection& p) { return is_quantized(p.weight->dtype); })) {
    ActivationGroup* groups = scratch.groups(n, input.cols);
    input.groups = groups;
    for_each_row(pool, n, input.cols, [&](int i) {
      kernels.quantize_row(x + int64_t{i} * input.cols, input.cols,
                           groups + int64_t{i} * activation_groups(input.cols));
    });
  }
  // Slices small enough that nobody waits long for the last one, large enough that handing them out costs nothing.
  int64_t bytes = 0;
  for (const Projection& p : projections) bytes += p.weight->bytes();
  const int64_t slice_bytes = std::clamp<int64_t>(bytes / (8 * pool.size()), 8 << 10, 128 << 10);
  const auto rows_of = [&](const Projection& p) {
    return static_cast<int>(std::max<int64_t>(1, slice_bytes / row_bytes(p.weight->dtype, p.weight->cols)));
  };
  for_each_slice(pool, projections, 1, rows_of, [&](const Projection& p, int first, int, int) {
    kernels.decode_rows(p, input, first, std::min(p.weight->rows, first + rows_of(p)));
  });
}

void linear_prefill(ThreadPool& pool, const LinearKernels& kernels, LinearScratch& scratch, const float* x, int n,
                    std::span<const Projection> projections) {
  if (n <= 0 || projections.empty()) return;
  LinearInput input = {x, n, projections[0].weight->cols, nullptr, nullptr};
  if (std::ranges::any_of(projections, [&](const Projection& p) { return uses_bf16(kernels, p.weight->dtype); })) {
    uint16_t* rounded = scratch.bf16(n, input.cols);
    input.bf16 = rounded;
    for_each_row(pool, n, input.cols, [&](int i) {
      kernels.round_row(x + int64_t{i} * input.cols, input.cols, rounded + int64_t{i} * bf16_stride(input.cols));
    });
  }
  // A task is one panel for a share of the tokens. Sharing tokens out means unpacking a panel more than once, so it is
  // done only as far as there are too few panels to keep all threads busy to the end.
  const auto rows_of = [&](const Projection&) { return kernels.panel_rows; };
  int panels = 0;
  for (const Projection& p : projections) panels += (p.weight->rows + kernels.panel_rows - 1) / kernels.panel_rows;
  constexpr int kFewestTokens = 16 * kTileTokens;
  const int wanted = (8 * pool.size() + panels - 1) / std::max(1, panels);
  const int most = std::max(1, n / kFewestTokens);
  const int tokens = (n / std::clamp(wanted, 1, most) / kTileTokens + 1) * kTileTokens;
  uint8_t* panel = scratch.panels(pool.size());
  for_each_slice(pool, projections, (n + tokens - 1) / tokens, rows_of,
                 [&](const Projection& p, int first, int share, int worker) {
                   const int t0 = share * tokens, t1 = std::min(n, t0 + tokens);
                   kernels.prefill_panel(p, input, first, t0, t1, panel + worker * kPanelBytes);
                 });
}

}  // namespace rkv::cpu
