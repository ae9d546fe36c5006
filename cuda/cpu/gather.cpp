#include "cpu/gather.h"

#include <algorithm>
#include <cstring>

#include "cpu/attend_rows.h"

namespace rkv::cpu {

namespace {

constexpr int kRows = 256;  // rows per task

}  // namespace

void gather(ThreadPool& pool, const HeadCache& cache, const int32_t* slots, int n, int d, DType kv, void* k, void* v,
            int32_t* position) {
  const size_t row_bytes = d * element_bytes(kv);
  pool.run((n + kRows - 1) / kRows, [&](int task, int) {
    const int from = task * kRows, rows = std::min(kRows, n - from);
    const void *k_rows[kRows + kRowPadding], *v_rows[kRows + kRowPadding];
    locate_rows(cache, slots, from, rows, d, kv, k_rows, v_rows);
    for (int i = 0; i < rows; i++) {
      std::memcpy(static_cast<char*>(k) + (from + i) * row_bytes, k_rows[i], row_bytes);
      std::memcpy(static_cast<char*>(v) + (from + i) * row_bytes, v_rows[i], row_bytes);
      position[from + i] = position_of(cache, slots[from + i]);
    }
  });
}

}  // namespace rkv::cpu
