#include "cpu/output_norms.h"

#include <algorithm>
#include <vector>

#include "cpu/attend_rows.h"
#include "cpu/float_buffer.h"
#include "cpu/key_tile_kernels.h"
#include "cpu/split_tasks.h"

namespace rkv::cpu {

namespace {

/// The columns of one KV head's query heads: to[group, wo.rows, d].
void unpack(ThreadPool& pool, const LinearKernels& kernels, const Weight& wo, int kv_head, int group, int d,
            float* to) {
  const int first = kv_head * group * d, last = first + group * d;
  const int block = block_elements(wo.dtype);
  const int from = first / block * block, cols = (last + block - 1) / block * block - from;
  constexpr int kRows = 64;  // per task
  pool.run((wo.rows + kRows - 1) / kRows, [&](int task, int) {
    std::vector<float> row(cols);
    for (int r = task * kRows; r < std::min(wo.rows, (task + 1) * kRows); r++) {
      const int64_t at = r * row_bytes(wo.dtype, wo.cols) + row_bytes(wo.dtype, from);
      kernels.dequantize_row(wo.dtype, wo.data + at, cols, row.data());
      for (int j = 0; j < group; j++)
        std::copy_n(&row[first - from + j * d], d, to + (static_cast<size_t>(j) * wo.rows + r) * d);
    }
  });
}

}  // namespace

void output_norms(ThreadPool& pool, CpuLevel level, std::span<const ValueHead> heads, const Weight& wo, int group,
                  int d, DType kv) {
  const KeyTileKernels& kernels = key_tile_kernels(level, kv);
  const size_t slice = static_cast<size_t>(wo.rows) * d, tile_floats = static_cast<size_t>(d) * kTileKeys;
  const FloatBuffer columns = float_buffer(slice * group), tiles = float_buffer(tile_floats * pool.size());
  for (const ValueHead& head : heads) {
    unpack(pool, linear_kernels(level), wo, head.kv_head, group, d, columns.get());
    const int n_tiles = (head.n_scored + kTileKeys - 1) / kTileKeys;
    const FloatBuffer sums = float_buffer(static_cast<size_t>(n_tiles) * group * kTileKeys);
    run_splits(
        pool, std::vector<int>(n_tiles, group),
        [&](int item, int j, int worker) {
          const int from = item * kTileKeys, n = std::min(kTileKeys, head.n_scored - from);
          const void *k[kTileKeys + kRowPadding], *v[kTileKeys + kRowPadding];
          locate_rows(head.cache, nullptr, from, n, d, kv, k, v);
          float *tile = &tiles[worker * tile_floats], *sum = &sums[(item * group + j) * kTileKeys];
          kernels.pack(v, n, d, tile);
          std::fill_n(sum, kTileKeys, 0.0f);
          kernels.add_magnitudes(&columns[j * slice], wo.rows, d, tile, n, sum);
        },
        [&](int item, int) {
          const int from = item * kTileKeys, n = std::min(kTileKeys, head.n_scored - from);
          for (int i = 0; i < n; i++) {
            float total = 0;
            for (int j = 0; j < group; j++) total += sums[(item * group + j) * kTileKeys + i];
            head.score[from + i] = total / static_cast<float>(group);
          }
        });
  }
}

}  // namespace rkv::cpu
