// Kernels that multiply matrices with packed tiles of cached rows, in f32.
#pragma once

#include "core/numeric.h"
#include "cpu/attend_prefill_kernels.h"
#include "cpu/cpu_level.h"

namespace rkv::cpu {

constexpr int kProductRows = 64;  // rows whose products are in work memory at a time

/// For rows of one KV dtype. A tile is d * kTileKeys floats; products have a pitch of kTileKeys, and are written for
/// whole vectors: what lies past n_keys means nothing.
struct KeyTileKernels {
  /// Pack n <= kTileKeys rows, given by address.
  void (*pack)(const void* const* rows, int n, int d, float* tile);
  /// product[row][key] = a[row] . key for a [rows, d].
  void (*multiply)(const float* a, int rows, int d, const float* tile, int n_keys, float* product);
  /// form[key] += key^T c key for c [d, d]; form has room for kTileKeys.
  void (*add_form)(const float* c, int d, const float* tile, int n_keys, float* form);
  /// sum[key] += |a[0] . key| + ... + |a[rows - 1] . key|; sum has room for kTileKeys.
  void (*add_magnitudes)(const float* a, int rows, int d, const float* tile, int n_keys, float* sum);
};

const KeyTileKernels& key_tile_kernels(CpuLevel level, DType kv);

}  // namespace rkv::cpu
