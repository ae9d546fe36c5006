// Memory for rows of one layer's KV cache.
#pragma once

#include <vector>

#include "core/buffer.h"
#include "core/model.h"

namespace rkv {

/// Shape of a session's cache.
struct CacheShape {
  int n_kv_heads, head_dim;
  DType kv;
  size_t row_bytes() const { return static_cast<size_t>(head_dim) * block_bytes(kv); }
};

/// How rows are stored: as they are, or as KIVI's codes (core/ops.h KvCodes).
struct KvCoding {
  int bits = 0, group = 0;
};

/// K, V and positions of capacity(h) slots of KV head h, one head behind the other. The capacities of coded rows are
/// whole groups.
class KvBlock {
 public:
  KvBlock(Model& model, const CacheShape& shape, const std::vector<int>& capacity, KvCoding coding = {});
  ~KvBlock();
  KvBlock(const KvBlock&) = delete;
  KvBlock& operator=(const KvBlock&) = delete;

  int capacity(int head) const { return first_[head + 1] - first_[head]; }
  void* k(int head, int slot) const { return k_.as<uint8_t>() + row(head, slot) * row_bytes_; }
  void* v(int head, int slot) const { return v_.as<uint8_t>() + row(head, slot) * row_bytes_; }
  int32_t* position(int head, int slot) const { return position_.as<int32_t>() + row(head, slot); }
  /// Scales of the groups that begin with `slot`; NULL without coding.
  KvCodes codes(int head, int slot) const;
  /// Slots [begin, end) of a head; `begin` is the first of a group when rows are coded.
  Run run(int head, int begin, int end) const;

  bool coded() const { return coding_.bits != 0; }
  size_t row_bytes() const { return row_bytes_; }  // of K, and of V
  /// Bytes of K and V of n slots (whole groups), scales included.
  int64_t kv_bytes(int64_t n) const;
  int64_t kv_bytes() const { return kv_bytes(first_.back()); }

  std::vector<int> filled;  // [n_kv_heads]: slots written so far

 private:
  size_t row(int head, int slot) const { return static_cast<size_t>(first_[head]) + slot; }

  Model& model_;
  const int head_dim_;
  const KvCoding coding_;
  const size_t row_bytes_;
  std::vector<int> first_;  // [n_kv_heads + 1]: where each head begins, and the number of all slots
  Buffer k_, v_, position_, k_scale_, v_scale_;
};

}  // namespace rkv
