// Kernels of the SnapKV vote: the window's queries against packed tiles of keys, in f32.
#pragma once

#include <cstdint>

#include "core/numeric.h"
#include "cpu/cpu_level.h"

namespace rkv::cpu {

/// Queries of the window, scaled by 1 / sqrt(d), and what each may see.
struct VoteRows {
  int rows;              // window x group
  const float* q;        // [rows, d]
  const int32_t* begin;  // [rows]: first visible slot
  const int32_t* end;    // [rows]: one past the last visible slot
};

struct VoteKernels {
  /// to[i] = factor * from[i].
  void (*scale)(const float* from, int n, float factor, float* to);
  /// Pack n <= kTileKeys keys, given by address: d * kTileKeys floats.
  void (*pack_k)(const void* const* k, int n, int d, float* tile);
  /// Bring top [rows] and sum [rows], the running highest score and sum of weights, up to date with a tile that begins
  /// at `slot`. score: work memory [kVoteRows, kTileKeys].
  void (*weigh)(const VoteRows& rows, int d, const float* tile, int slot, int n_keys, float* score, float* top,
                float* sum);
  /// vote[key] = sum over rows of exp(score - top[row]) * share[row].
  void (*add_up)(const VoteRows& rows, int d, const float* tile, int slot, int n_keys, float* score, const float* top,
                 const float* share, float* vote);
};

constexpr int kVoteRows = 64;  // rows whose scores are in work memory at a time

const VoteKernels& vote_kernels(CpuLevel level, DType kv);

}  // namespace rkv::cpu
