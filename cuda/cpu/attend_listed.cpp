#include "cpu/attend_listed.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "cpu/attend_prefill_kernels.h"
#include "cpu/attend_rows.h"
#include "cpu/float_buffer.h"
#include "cpu/tile_layout.h"

namespace rkv::cpu {

namespace {

/// One call. Tasks are up to kTileRows rows of an item, which pack the slots of its list for themselves.
class Listed {
 public:
  Listed(CpuLevel level, const float* q, int n, int n_heads, int d, DType kv, float* out)
      : kernels_(prefill_kernels(level, kv)),
        layout_(kernels_, d),
        q_(q),
        n_(n),
        n_heads_(n_heads),
        d_(d),
        kv_(kv),
        out_(out) {}

  size_t scratch_floats() const { return layout_.query_floats(kTileRows) + layout_.tile_floats; }

  /// Rows [first, first + rows) of the call.
  void attend(const HeadCache& cache, int head, int first, int rows, float* scratch) const {
    const QueryTile tile = queries(cache, head, first, rows, scratch);
    float* packed = scratch + layout_.query_floats(kTileRows);
    const int seen = tile.end[rows - 1];  // the last row sees most
    for (int from = 0; from < seen; from += kTileKeys) {
      const void *k[kTileKeys + kRowPadding], *v[kTileKeys + kRowPadding];
      const int keys = std::min(kTileKeys, seen - from);
      locate_rows(cache, cache.index, from, keys, d_, kv_, k, v);
      kernels_.pack_k(k, keys, d_, packed);
      kernels_.pack_v(v, keys, d_, packed + layout_.k_floats);
      kernels_.attend_tile(tile, d_, packed, packed + layout_.k_floats, from, keys);
    }
    for (int r = 0; r < rows; r++) {
      const float factor = tile.end[r] > 0 ? 1.0f / tile.sum[r] : 0.0f;
      const float* row = tile.out + static_cast<size_t>(r) * layout_.pitch;
      float* to = out_ + row_of(head, first + r);
      for (int i = 0; i < d_; i++) to[i] = factor > 0 ? row[i] * factor : 0.0f;
    }
  }

 private:
  size_t row_of(int head, int token) const { return (static_cast<size_t>(token) * n_heads_ + head) * d_; }

  /// Rows that have seen nothing yet. What they may see counts through the list.
  QueryTile queries(const HeadCache& cache, int head, int first, int rows, float* scratch) const {
    const QueryTile tile = layout_.query_tile(scratch, rows);
    std::fill_n(tile.out, static_cast<size_t>(rows) * layout_.pitch, 0.0f);
    std::fill_n(tile.top, rows, kNothingSeen);
    std::fill_n(tile.sum, rows, 0.0f);
    std::fill_n(tile.begin, rows, 0);
    const float scale = kernels_.score_unit / std::sqrt(static_cast<float>(d_));
    for (int r = 0; r < rows; r++) {
      const int self = cache.n - n_ + first + r;
      tile.end[r] =
          cache.index == nullptr
              ? self + 1
              : static_cast<int32_t>(std::upper_bound(cache.index, cache.index + cache.n_index, self) - cache.index);
      kernels_.pack_q(q_ + row_of(head, first + r), d_, scale, tile.q + static_cast<size_t>(r) * layout_.words);
    }
    return tile;
  }

  const PrefillKernels& kernels_;
  const TileLayout layout_;
  const float* q_;
  const int n_, n_heads_, d_;
  const DType kv_;
  float* out_;
};

}  // namespace

void attend_listed(ThreadPool& pool, CpuLevel level, const float* q, int n, std::span<const ListedRows> rows,
                   int n_heads, int d, DType kv, float* out) {
  struct Task {
    const ListedRows* item;
    int first, n;
  };
  std::vector<Task> tasks;
  for (const ListedRows& item : rows)
    for (int from = 0; from < item.n; from += kTileRows)
      tasks.push_back({&item, item.first + from, std::min(kTileRows, item.n - from)});

  const Listed listed(level, q, n, n_heads, d, kv, out);
  const FloatBuffer scratch = float_buffer(listed.scratch_floats() * pool.size());
  pool.run(static_cast<int>(tasks.size()), [&](int task, int worker) {
    const auto [item, first, n_rows] = tasks[task];
    listed.attend(item->cache, item->head, first, n_rows, &scratch[worker * listed.scratch_floats()]);
  });
}

}  // namespace rkv::cpu
