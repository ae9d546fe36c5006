#include "cpu/key_tile_kernels.h"

#include "cpu/attend_tile.h"

namespace rkv::cpu::RKV_ISA {

namespace {

int vectors(int n_keys) { return (n_keys + kLanes - 1) / kLanes; }

void multiply_tile(const float* a, int rows, int d, const float* tile, int n_keys, float* product) {
  score_tile<F32Math>(a, rows, d, tile, vectors(n_keys), product);
}

/// Call fn(row, products with the tile's vectors) for every row of a.
template <class Fn>
inline void for_products(const float* a, int rows, int d, const float* tile, int vecs, Fn&& fn) {
  alignas(64) float product[kProductRows * kTileKeys];
  for (int from = 0; from < rows; from += kProductRows) {
    const int n = rows - from < kProductRows ? rows - from : kProductRows;
    score_tile<F32Math>(a + static_cast<size_t>(from) * d, n, d, tile, vecs, product);
    for (int r = 0; r < n; r++) fn(from + r, product + r * kTileKeys);
  }
}

void add_form(const float* c, int d, const float* tile, int n_keys, float* form) {
  const int vecs = vectors(n_keys);
  for_products(c, d, d, tile, vecs, [&](int dim, const float* product) {
    for (int v = 0; v < vecs; v++) {
      const float* key = tile + (v / kPanelVecs * d + dim) * kPanelKeys + v % kPanelVecs * kLanes;
      float* sum = form + v * kLanes;
      store(sum, fma(load(key), load(product + v * kLanes), load(sum)));
    }
  });
}

void add_magnitudes(const float* a, int rows, int d, const float* tile, int n_keys, float* sum) {
  const int vecs = vectors(n_keys);
  for_products(a, rows, d, tile, vecs, [&](int, const float* product) {
    for (int v = 0; v < vecs; v++) {
      const F x = load(product + v * kLanes);
      store(sum + v * kLanes, add(load(sum + v * kLanes), max(x, sub(zero(), x))));
    }
  });
}

template <class T>
constexpr KeyTileKernels kernels{pack_k<F32Math, T>, multiply_tile, add_form, add_magnitudes};

}  // namespace

extern const KeyTileKernels key_tile_f32, key_tile_bf16;
const KeyTileKernels key_tile_f32 = kernels<float>, key_tile_bf16 = kernels<uint16_t>;

}  // namespace rkv::cpu::RKV_ISA
