#include "cpu/append.h"

#include <numeric>

#include "cpu/vector.h"

namespace rkv::cpu {

void append(ThreadPool& pool, CpuLevel level, std::span<const Append> heads, int n_kv_heads, int d) {
  const int64_t stride = int64_t{n_kv_heads} * d;
  for (const Append& rows : heads) {
    store_kv(pool, level, rows.k, rows.n, stride, d, rows.kv, rows.k_out);
    store_kv(pool, level, rows.v, rows.n, stride, d, rows.kv, rows.v_out);
    std::iota(rows.position_out, rows.position_out + rows.n, rows.first_position);
    for (int list = 0; rows.index_out != nullptr && list < rows.n_lists; list++) {
      int32_t* slot = rows.index_out + int64_t{list} * rows.index_stride;
      std::iota(slot, slot + rows.n, rows.first_slot);
    }
    for (int i = 0; rows.value_sum != nullptr && i < d; i++) rows.value_sum[i] += rows.v[i];
  }
}

}  // namespace rkv::cpu
