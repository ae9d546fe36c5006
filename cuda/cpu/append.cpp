#include "cpu/append.h"

#include <numeric>

#include "cpu/vector.h"

namespace rkv::cpu {

void append(ThreadPool& pool, CpuLevel level, const Append& rows, int n_kv_heads, int d) {
  store_kv(pool, level, rows.k, rows.n, n_kv_heads, d, rows.kv, rows.k_out, rows.head_stride);
  store_kv(pool, level, rows.v, rows.n, n_kv_heads, d, rows.kv, rows.v_out, rows.head_stride);
  for (int h = 0; h < n_kv_heads; h++) {
    int32_t* position = rows.position_out + int64_t{h} * rows.position_stride;
    std::iota(position, position + rows.n, rows.first_position);
    if (rows.index_out == nullptr) continue;
    int32_t* slot = rows.index_out + int64_t{h} * rows.index_stride;
    std::iota(slot, slot + rows.n, rows.first_slot);
  }
}

}  // namespace rkv::cpu
