// Row kernels of attention with one query per head: rows are read where they lie, each once for the whole group.
#pragma once

#include "core/numeric.h"
#include "cpu/cpu_level.h"

namespace rkv::cpu {

/// Kernels for one instruction set and one KV dtype. Rows are given by address, [d] of the KV dtype, d a multiple of 8;
/// row arrays are padded by kRowPadding addresses.
///
/// Queries and sums of rows are packed: in the order in which the kernels find the elements of a row in their vectors,
/// padded with zeros to `pitch` floats.
struct AttendKernels {
  int (*pitch)(int d);
  /// packed [n, pitch] <-> plain [n, d].
  void (*pack)(const float* plain, int n, int d, float* packed);
  void (*unpack)(const float* packed, int n, int d, float* plain);
  /// score[g][i] = q[g] . k[i] in f32. q packed [group], score [group, score_pitch]; nothing past n is written.
  void (*score)(const float* q, int group, int d, const void* const* k, int n, float* score, int score_pitch);
  /// score[i] = exp((score[i] - max) * scale) in place; writes max * scale and the sum of the results. Overwrites up to
  /// kRowPadding elements past n.
  void (*soften)(float* score, int n, float scale, float* top, float* sum);
  /// out[g] = sum of weight[g][i] * v[i]. weight [group, weight_pitch], out packed [group].
  void (*mix)(const float* weight, int weight_pitch, int group, int d, const void* const* v, int n, float* out);
};

const AttendKernels& attend_kernels(CpuLevel level, DType kv);

}  // namespace rkv::cpu
