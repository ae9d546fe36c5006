// Kernels of votes: the window's queries against packed tiles of keys, in f32.
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

/// Sums of weights by distance.
struct VoteDiagonals {
  int group;
  float* sum;  // [group, pitch]: of the tile's first key and the last row's token
  int pitch;
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
  /// total[list][key] = sum of exp(score - top[row]) * share[row] over the rows of a list: row r belongs to list
  /// r % lists. total: [lists, kTileKeys].
  ///
  /// diagonals, unless NULL: every row's weights are added to those of its query head (row % group), the window's token
  /// i (row / group) to diagonals[head, key + window - 1 - i], so that a place stands for a distance.
  void (*add_up)(const VoteRows& rows, int d, const float* tile, int slot, int n_keys, float* score, const float* top,
                 const float* share, int lists, float* total, const VoteDiagonals* diagonals);
};

constexpr int kVoteRows = 64;  // rows whose scores are in work memory at a time

const VoteKernels& vote_kernels(CpuLevel level, DType kv);

}  // namespace rkv::cpu
