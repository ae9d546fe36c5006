// Sizes of packed tiles, and how the work memory of a query tile is cut up.
#pragma once

#include <cstddef>

#include "cpu/attend_prefill_kernels.h"

namespace rkv::cpu {

constexpr int kTileRows = 64;  // query rows per task: scores and sums of a tile stay in L2

/// In floats, for one head dim and one set of kernels.
struct TileLayout {
  TileLayout(const PrefillKernels& kernels, int d)
      : words(d / kernels.per_word),
        pitch((d + kernels.lanes - 1) / kernels.lanes * kernels.lanes),
        k_floats(static_cast<size_t>(words) * kTileKeys),
        tile_floats(k_floats + static_cast<size_t>(pitch) * kTileKeys / kernels.per_word) {}

  int words;           // of a packed query
  int pitch;           // of a row of `out` in work memory
  size_t k_floats;     // of a packed K tile
  size_t tile_floats;  // of K and V, one after the other

  /// Work memory of a query tile, in whole cache lines.
  size_t query_floats(int rows) const {
    return (static_cast<size_t>(rows) * (words + pitch + kTileKeys + 6) + 15) / 16 * 16;
  }

  /// A query tile in query_floats(rows) floats of memory, nothing in it.
  QueryTile query_tile(float* memory, int rows) const {
    const auto take = [&](int floats) {
      float* taken = memory;
      memory += static_cast<size_t>(rows) * floats;
      return taken;
    };
    QueryTile tile{};
    tile.rows = rows;
    tile.score = take(kTileKeys);
    tile.out = take(pitch);
    tile.q = take(words);
    tile.top = take(1);
    tile.sum = take(1);
    tile.keep = take(1);
    tile.fresh = take(1);
    tile.begin = reinterpret_cast<int32_t*>(take(1));
    tile.end = reinterpret_cast<int32_t*>(take(1));
    return tile;
  }
};

}  // namespace rkv::cpu
