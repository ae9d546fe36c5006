#include "cpu/block_scores.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "cpu/attend_rows.h"
#include "cpu/float_buffer.h"
#include "cpu/key_tile_kernels.h"
#include "cpu/row_kernels.h"

namespace rkv::cpu {

namespace {

constexpr int kBlock = 64;

constexpr int blocks_of(int n) { return (n + kBlock - 1) / kBlock; }

void mean_of(const RowKernels& kernels, const void* const* rows, int n, int d, float* mean) {
  kernels.sum(rows, n, d, nullptr, mean);
  for (int i = 0; i < d; i++) mean[i] /= static_cast<float>(n);
}

/// Means of the blocks of every KV head's first n slots: [heads, blocks, d].
std::vector<float> key_means(ThreadPool& pool, CpuLevel level, std::span<const HeadCache> heads, int n, int d,
                             DType kv) {
  const int blocks = blocks_of(n);
  std::vector<float> means(heads.size() * blocks * d);
  pool.run(static_cast<int>(heads.size()) * blocks, [&](int task, int) {
    const int from = task % blocks * kBlock, rows = std::min(kBlock, n - from);
    const void* k[kBlock + kRowPadding];
    locate_rows(heads[task / blocks], nullptr, from, rows, d, kv, k, nullptr);
    mean_of(row_kernels(level, kv), k, rows, d, &means[static_cast<size_t>(task) * d]);
  });
  return means;
}

/// Means of the blocks of q[n, heads, d]: [heads, blocks, d].
std::vector<float> query_means(ThreadPool& pool, CpuLevel level, const float* q, int n, int heads, int d) {
  const int blocks = blocks_of(n);
  std::vector<float> means(static_cast<size_t>(heads) * blocks * d);
  pool.run(heads * blocks, [&](int task, int) {
    const int head = task / blocks, from = task % blocks * kBlock, rows = std::min(kBlock, n - from);
    const void* row[kBlock];
    for (int i = 0; i < rows; i++) row[i] = q + (static_cast<size_t>(from + i) * heads + head) * d;
    mean_of(row_kernels(level, RKV_F32), row, rows, d, &means[static_cast<size_t>(task) * d]);
  });
  return means;
}

}  // namespace

void block_scores(ThreadPool& pool, CpuLevel level, const float* q, int n, int first_slot,
                  std::span<const HeadCache> heads, int group, int d, DType kv, float* score) {
  const int n_heads = static_cast<int>(heads.size()) * group;
  const int row_blocks = blocks_of(n), key_blocks = blocks_of(first_slot + n);
  const std::vector<float> keys = key_means(pool, level, heads, first_slot + n, d, kv);
  const std::vector<float> queries = query_means(pool, level, q, n, n_heads, d);
  const KeyTileKernels& kernels = key_tile_kernels(level, RKV_F32);
  const int tiles = (key_blocks + kTileKeys - 1) / kTileKeys;
  const size_t tile_floats = static_cast<size_t>(d) * kTileKeys, floats = tile_floats + size_t{kTileKeys} * row_blocks;
  const FloatBuffer scratch = float_buffer(floats * pool.size());
  pool.run(n_heads * tiles, [&](int task, int worker) {
    const int head = task / tiles, from = task % tiles * kTileKeys, n_keys = std::min(kTileKeys, key_blocks - from);
    const void* key[kTileKeys];
    for (int i = 0; i < n_keys; i++) key[i] = &keys[(static_cast<size_t>(head / group) * key_blocks + from + i) * d];
    float *tile = &scratch[worker * floats], *product = tile + tile_floats;
    kernels.pack(key, n_keys, d, tile);
    kernels.multiply(&queries[static_cast<size_t>(head) * row_blocks * d], row_blocks, d, tile, n_keys, product);
    for (int r = 0; r < row_blocks; r++) {
      float* to = score + (static_cast<size_t>(head) * row_blocks + r) * key_blocks + from;
      const int seen = std::clamp(first_slot / kBlock + r + 1 - from, 0, n_keys);
      std::copy_n(product + r * kTileKeys, seen, to);
      std::fill(to + seen, to + n_keys, -std::numeric_limits<float>::infinity());
    }
  });
}

}  // namespace rkv::cpu
