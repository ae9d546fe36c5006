#include "core/kv_block.h"

#include <numeric>

namespace rkv {
namespace {

constexpr size_t kScaleBytes = 2 * sizeof(uint16_t);  // scale and min, f16

}  // namespace

KvBlock::KvBlock(Model& model, const CacheShape& shape, const std::vector<int>& capacity, KvCoding coding)
    : filled(capacity.size(), 0),
      model_(model),
      head_dim_(shape.head_dim),
      coding_(coding),
      row_bytes_(coding.bits == 0 ? shape.row_bytes() : static_cast<size_t>(shape.head_dim) * coding.bits / 8),
      first_(capacity.size() + 1, 0) {
  std::partial_sum(capacity.begin(), capacity.end(), first_.begin() + 1);
  Ops& ops = model.ops();
  const auto n = static_cast<size_t>(first_.back());
  k_ = Buffer(ops, n * row_bytes_);
  v_ = Buffer(ops, n * row_bytes_);
  position_ = Buffer(ops, n * sizeof(int32_t));
  if (coded()) {
    k_scale_ = Buffer(ops, n / coding.group * head_dim_ * kScaleBytes);
    v_scale_ = Buffer(ops, n * (head_dim_ / coding.group) * kScaleBytes);
  }
  model_.kv.add(kv_bytes());
}

KvBlock::~KvBlock() { model_.kv.add(-kv_bytes()); }

KvCodes KvBlock::codes(int head, int slot) const {
  if (!coded()) return {};
  const size_t at = row(head, slot);
  return {coding_.bits, coding_.group, k_scale_.as<uint16_t>() + at / coding_.group * 2 * head_dim_,
          v_scale_.as<uint16_t>() + at * 2 * (head_dim_ / coding_.group)};
}

Run KvBlock::run(int head, int begin, int end) const {
  return {k(head, begin), v(head, begin), position(head, begin), end - begin, codes(head, begin)};
}

int64_t KvBlock::kv_bytes(int64_t n) const {
  const int64_t rows = 2 * n * static_cast<int64_t>(row_bytes_);
  if (!coded()) return rows;
  return rows + (n / coding_.group * head_dim_ + n * (head_dim_ / coding_.group)) * static_cast<int64_t>(kScaleBytes);
}

}  // namespace rkv
