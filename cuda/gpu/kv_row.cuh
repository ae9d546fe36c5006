// Rows of K and V as f32, eight dims at a time, whether they lie in the KV dtype or as codes (core/ops.h KvCodes).
// Codes are decoded to the KV dtype: x = code * scale + min is rounded once to f32, and to bf16 once more.
//
// Kernels take a `Rows` class: KvRows<T, false> where no run of the call is coded, so that plain rows are read as if
// codes did not exist, and KvRows<T, true> where some are.
#pragma once

#include <functional>
#include <span>

#include "gpu/cache_view.cuh"
#include "gpu/kv_piece.cuh"
#include "gpu/rows_read.h"

namespace rkv::gpu {

constexpr int kRowStep = 8;  // dims that are loaded at a time; divides d
constexpr int kMostDims = 256;

__device__ __forceinline__ float f16_at(const uint16_t* p) { return __half2float(__ushort_as_half(*p)); }

/// A row of elements of T, or none.
template <class T>
struct PlainRow {
  const T* x;

  __device__ bool exists() const { return x != nullptr; }
  __device__ __forceinline__ void load(int dim, float (&to)[kRowStep]) const {
    using Piece = KvPiece<T>;
#pragma unroll
    for (int at = 0; at < kRowStep; at += Piece::kSize) {
      float piece[Piece::kSize];
      Piece::unpack(*reinterpret_cast<const uint4*>(x + dim + at), piece);
#pragma unroll
      for (int i = 0; i < Piece::kSize; i++) to[at + i] = piece[i];
    }
  }
};

/// A row of codes or of elements of T, or none.
template <class T>
struct CodedRow {
  const uint8_t* x;
  const uint16_t* scale;  // f16, of dim 0; the minimum is `to_min` elements behind each
  int bits;               // 0: elements
  int dims_per_scale, to_min;

  __device__ bool exists() const { return x != nullptr; }
  __device__ __forceinline__ void load(int dim, float (&to)[kRowStep]) const {
    if (bits == 0) return PlainRow<T>{reinterpret_cast<const T*>(x)}.load(dim, to);
    const uint8_t* const at = x + dim * bits / 8;  // aligned to eight codes
    uint64_t codes;
    if (bits == 8) {
      const uint2 two = *reinterpret_cast<const uint2*>(at);
      codes = uint64_t{two.y} << 32 | two.x;
    } else if (bits == 4) {
      codes = *reinterpret_cast<const uint32_t*>(at);
    } else {
      codes = *reinterpret_cast<const uint16_t*>(at);
    }
    const unsigned mask = (1u << bits) - 1;
#pragma unroll
    for (int i = 0; i < kRowStep; i++) {
      const uint16_t* own = scale + (dim + i) / dims_per_scale;
      const auto code = static_cast<float>(static_cast<unsigned>(codes >> (i * bits)) & mask);
      to[i] = static_cast<float>(T(fmaf(code, f16_at(own), f16_at(own + to_min))));  // the product is exact
    }
  }
};

template <class T, bool kCoded>
struct KvRows;

template <class T>
struct KvRows<T, false> {
  static constexpr bool kCoded = false;
  using Element = T;
  using Row = PlainRow<T>;
  static __device__ Row none() { return {nullptr}; }
  static __device__ __forceinline__ Row k(const SlotRun& run, int slot, int d) {
    return {reinterpret_cast<const T*>(run.k) + int64_t{slot - run.begin} * d};
  }
  static __device__ __forceinline__ Row v(const SlotRun& run, int slot, int d) {
    return {reinterpret_cast<const T*>(run.v) + int64_t{slot - run.begin} * d};
  }
};

template <class T>
struct KvRows<T, true> {
  static constexpr bool kCoded = true;
  using Element = T;
  using Row = CodedRow<T>;
  static __device__ Row none() { return {}; }
  static __device__ Row k(const SlotRun& run, int slot, int d) {
    const int at = slot - run.begin;
    if (run.bits == 0) return {run.k + int64_t{at} * d * static_cast<int>(sizeof(T)), nullptr, 0, 1, 0};
    return {run.k + int64_t{at} * d * run.bits / 8, run.k_scale + int64_t{at / run.group} * 2 * d, run.bits, 1, d};
  }
  static __device__ Row v(const SlotRun& run, int slot, int d) {
    const int at = slot - run.begin;
    if (run.bits == 0) return {run.v + int64_t{at} * d * static_cast<int>(sizeof(T)), nullptr, 0, 1, 0};
    const int scales = d / run.group;
    return {run.v + int64_t{at} * d * run.bits / 8, run.v_scale + int64_t{at} * 2 * scales, run.bits, run.group,
            scales};
  }
};

/// fn(rows) with the KvRows that `items` need; cache(item) gives a HeadCache.
template <class T, class Cache, class Fn>
void with_rows(DType kv, std::span<const T> items, Cache cache, Fn&& fn) {
  bool coded = false;
  for (const T& item : items) coded = coded || has_codes(std::invoke(cache, item));
  if (kv == RKV_F32)
    coded ? fn(KvRows<float, true>{}) : fn(KvRows<float, false>{});
  else
    coded ? fn(KvRows<bf16, true>{}) : fn(KvRows<bf16, false>{});
}

}  // namespace rkv::gpu
