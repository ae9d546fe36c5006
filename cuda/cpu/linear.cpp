#include "cpu/linear.h"

#include <algorithm>
#include <cstring>
#include <new>

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

constexpr int64_t kAlign = 64;
constexpr int64_t align(int64_t bytes) { return (bytes + kAlign - 1) / kAlign * kAlign; }

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

/// A stretch of output rows of one projection.
struct Slice {
  const Projection* projection;
  int first, last;
};

/// Cut all projections into slices of about `bytes` of weights and call fn(slice) for each, in one parallel region.
template <class Fn>
void for_each_slice(ThreadPool& pool, std::span<const Projection> projections, int64_t bytes, Fn&& fn) {
  const auto rows_of = [&](const Projection& p) {
    const int64_t rows = bytes / std::max<int64_t>(1, row_bytes(p.weight->dtype, p.weight->cols)) / 4 * 4;
    return static_cast<int>(std::clamp<int64_t>(rows, 4, std::max(4, p.weight->rows)));
  };
  const auto slices_of = [&](const Projection& p) { return (p.weight->rows + rows_of(p) - 1) / rows_of(p); };
  int n = 0;
  for (const Projection& p : projections) n += slices_of(p);
  pool.run(n, [&](int task, int) {
    for (const Projection& p : projections) {
      if (task < slices_of(p)) {
        const int first = task * rows_of(p);
        return fn(Slice{&p, first, std::min(p.weight->rows, first + rows_of(p))});
      }
      task -= slices_of(p);
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
  const int64_t slice = std::clamp<int64_t>(bytes / (8 * pool.size()), 8 << 10, 128 << 10);
  for_each_slice(pool, projections, slice,
                 [&](const Slice& s) { kernels.decode_rows(*s.projection, input, s.first, s.last); });
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
  const int rows = kernels.panel_rows;
  const auto panels_of = [&](const Projection& p) { return (p.weight->rows + rows - 1) / rows; };
  int panels = 0;
  for (const Projection& p : projections) panels += panels_of(p);
  if (panels == 0) return;
  constexpr int kFewestTokens = 96;  // a multiple of every tile height
  const int wanted = (8 * pool.size() + panels - 1) / panels;
  const int shares = std::clamp(wanted, 1, std::max(1, n / kFewestTokens));
  const int tokens = (n + shares - 1) / shares;
  uint8_t* panel = scratch.panels(pool.size());
  pool.run(panels * shares, [&](int task, int worker) {
    int index = task / shares;
    const int t0 = task % shares * tokens, t1 = std::min(n, t0 + tokens);
    for (const Projection& p : projections) {
      if (index < panels_of(p))
        return kernels.prefill_panel(p, input, index * rows, t0, t1, panel + worker * kPanelBytes);
      index -= panels_of(p);
    }
  });
}

uint8_t* LinearScratch::Buffer::reserve(int64_t wanted) {
  if (wanted > bytes) {
    ::operator delete (data, std::align_val_t{kAlign});
    data = nullptr;
    bytes = 0;
    data = static_cast<uint8_t*>(::operator new (static_cast<size_t>(wanted), std::align_val_t{kAlign}));
    bytes = wanted;
  }
  return data;
}

LinearScratch::~LinearScratch() {
  for (Buffer* buffer : {&groups_, &bf16_, &panels_}) ::operator delete (buffer->data, std::align_val_t{kAlign});
}

ActivationGroup* LinearScratch::groups(int n, int cols) {
  const int64_t bytes = int64_t{n} * activation_groups(cols) * int64_t{sizeof(ActivationGroup)};
  return reinterpret_cast<ActivationGroup*>(groups_.reserve(bytes));
}

uint16_t* LinearScratch::bf16(int n, int cols) {
  return reinterpret_cast<uint16_t*>(bf16_.reserve(int64_t{n} * bf16_stride(cols) * 2));
}

uint8_t* LinearScratch::panels(int workers) { return panels_.reserve(workers * kPanelBytes); }

int64_t LinearScratch::bytes() const { return groups_.bytes + bf16_.bytes + panels_.bytes; }

}  // namespace rkv::cpu
