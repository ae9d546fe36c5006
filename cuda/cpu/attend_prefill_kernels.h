// Kernels of blocked attention: tiles of queries against packed tiles of keys and values.
#pragma once

#include <cstdint>

#include "core/numeric.h"
#include "cpu/cpu_level.h"

namespace rkv::cpu {

/// Keys to a packed tile. Tiles start at multiples of it, so that a query meets the same tiles in every call.
constexpr int kTileKeys = 128;

/// Queries of one KV head and their running softmax. Rows are token by token, the group's heads side by side.
struct QueryTile {
  int rows;
  float* q;        // [rows, q_floats of d]: packed by pack_q
  float* out;      // [rows, out_pitch]: weighted sum of values so far
  float* top;      // [rows]: highest score so far, kNothingSeen at first
  float* sum;      // [rows]: sum of weights so far
  int32_t* begin;  // [rows]: first visible slot
  int32_t* end;    // [rows]: one past the last visible slot
  float* score;    // [rows, kTileKeys], work memory
  float* keep;     // [rows], work memory: what becomes of the earlier weights
  float* fresh;    // [rows], work memory: sum of the tile's weights
};

/// Below every score. Finite, so that what a row gathers before its first visible key is wiped out by a factor of zero.
constexpr float kNothingSeen = -1e30f;

/// For one instruction set and one KV dtype. With bf16 and AVX512_BF16 queries and weights are rounded to bf16 and
/// products are summed in f32; all else is f32.
struct PrefillKernels {
  int per_word;  // elements in a 4-byte word: 2 when the products are of bf16
  int lanes;     // dims of V and out are padded to a multiple
  /// Scale and pack `n` floats of a query, n even: n / per_word words.
  void (*pack_q)(const float* q, int n, float scale, float* words);
  /// Factor that scores want besides 1 / sqrt(d): they are exponents of 2 or of e.
  float score_unit;
  /// Pack n <= kTileKeys rows, given by address: d / per_word * kTileKeys floats of K, and of V as many with d padded.
  void (*pack_k)(const void* const* k, int n, int d, float* tile);
  void (*pack_v)(const void* const* v, int n, int d, float* tile);
  /// Let every row attend to the visible ones among slots slot, slot + 1, ... slot + n_keys - 1.
  void (*attend_tile)(const QueryTile& queries, int d, const float* k_tile, const float* v_tile, int slot, int n_keys);
};

const PrefillKernels& prefill_kernels(CpuLevel level, DType kv);

}  // namespace rkv::cpu
