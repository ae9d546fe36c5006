#include "cpu/quantise.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "cpu/attend_rows.h"
#include "cpu/bounds_kernels.h"
#include "cpu/code_kernels.h"

namespace rkv::cpu {

namespace {

constexpr int kTaskRows = 64;
constexpr uint16_t kOneF16 = 0x3c00;

/// What encoding divides by and takes off, for every dim of a row.
struct Scales {
  float scale[kMaxHeadDim], min[kMaxHeadDim];
};

/// Scales of `n` groups from their extremes: stored as f16, and handed back as what is left of them. A scale of 0 is
/// stored as 1 and divided by as infinity, which makes every code 0.
void make_scales(const CodeKernels& kernels, const float* low, const float* high, int n, int bits, uint16_t* stored,
                 Scales* scales) {
  float exact[kMaxHeadDim] = {};
  for (int i = 0; i < n; i++) exact[i] = (high[i] - low[i]) / static_cast<float>((1 << bits) - 1);
  kernels.to_f16(exact, n, stored);
  kernels.to_f16(low, n, stored + n);
  kernels.from_f16(stored, n, scales->scale);
  kernels.from_f16(stored + n, n, scales->min);
  for (int i = 0; i < n; i++) {
    if (scales->scale[i] != 0) continue;
    stored[i] = kOneF16;
    scales->scale[i] = std::numeric_limits<float>::infinity();
  }
}

/// Rows of one head from `from` on, `group` tokens whose keys share scales.
class GroupEncoder {
 public:
  GroupEncoder(CpuLevel level, const QuantHead& head, int d, DType kv)
      : kernels_(code_kernels(level, kv)),
        bounds_(bounds_kernels(level, kv)),
        head_(head),
        codes_(head.codes),
        d_(d),
        row_bytes_(d * element_bytes(kv)),
        code_bytes_(static_cast<size_t>(d) * head.codes.bits / 8) {}

  void encode_keys(int from) {
    std::vector<const void*> rows;
    for (int i = 0; i < codes_.group; i++) rows.push_back(row(head_.k, from + i));
    float low[kMaxHeadDim] = {}, high[kMaxHeadDim] = {};
    bounds_.extremes(rows.data(), codes_.group, d_, low, high);
    auto* stored = const_cast<uint16_t*>(codes_.k_scale) + static_cast<size_t>(from / codes_.group) * 2 * d_;
    Scales scales;
    make_scales(kernels_, low, high, d_, codes_.bits, stored, &scales);
    for (int i = 0; i < codes_.group; i++) encode(rows[i], scales, head_.k_out, from + i);
  }

  void encode_value(int at) {
    float x[kMaxHeadDim] = {}, low[kMaxHeadDim] = {}, high[kMaxHeadDim] = {};
    kernels_.widen(row(head_.v, at), d_, x);
    const int groups = d_ / codes_.group;
    for (int i = 0; i < groups; i++) {
      const auto [least, most] = std::minmax_element(x + i * codes_.group, x + (i + 1) * codes_.group);
      low[i] = *least, high[i] = *most;
    }
    Scales of_groups, scales;
    auto* stored = const_cast<uint16_t*>(codes_.v_scale) + static_cast<size_t>(at) * 2 * groups;
    make_scales(kernels_, low, high, groups, codes_.bits, stored, &of_groups);
    for (int i = 0; i < groups; i++) {
      std::fill_n(scales.scale + i * codes_.group, codes_.group, of_groups.scale[i]);
      std::fill_n(scales.min + i * codes_.group, codes_.group, of_groups.min[i]);
    }
    encode(row(head_.v, at), scales, head_.v_out, at);
  }

 private:
  const void* row(const void* rows, int at) const { return static_cast<const char*>(rows) + at * row_bytes_; }
  void encode(const void* row, const Scales& scales, void* out, int at) const {
    kernels_.encode(row, codes_.bits, scales.scale, scales.min, d_, static_cast<uint8_t*>(out) + at * code_bytes_);
  }

  const CodeKernels& kernels_;
  const BoundsKernels& bounds_;
  const QuantHead& head_;
  const KvCodes& codes_;
  const int d_;
  const size_t row_bytes_, code_bytes_;
};

}  // namespace

void quantise(ThreadPool& pool, CpuLevel level, std::span<const QuantHead> heads, int d, DType kv) {
  struct Task {
    const QuantHead* head;
    int from, n;
  };
  std::vector<Task> tasks;
  for (const QuantHead& head : heads) {
    const int rows = std::max(1, kTaskRows / head.codes.group) * head.codes.group;
    for (int from = 0; from < head.n; from += rows) tasks.push_back({&head, from, std::min(rows, head.n - from)});
  }
  pool.run(static_cast<int>(tasks.size()), [&](int task, int) {
    const auto [head, from, n] = tasks[task];
    GroupEncoder encoder(level, *head, d, kv);
    for (int i = from; i < from + n; i += head->codes.group) encoder.encode_keys(i);
    for (int i = from; i < from + n; i++) encoder.encode_value(i);
  });
}

}  // namespace rkv::cpu
