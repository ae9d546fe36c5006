// Barriers, fences and warp collectives under their CUDA names.
//
// Each takes the place of its call as a last, defaulted argument: all threads that meet must come from one place.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "emu/lane.h"
#include "emu/site.h"

namespace rkv::emu {

/// Wait for the block (id 0, count 0) or for `count` threads; gives the sum of `vote` over the threads.
int barrier(int id, int count, int vote, Site site);
void fence();

enum class Reduce { kAdd, kMin, kMax, kAnd, kOr, kXor };

// Lanes of `mask` meet, then each gets its result.
void sync_warp(uint32_t mask, Site site);
uint64_t shuffle(uint32_t mask, uint64_t bits, int source, Site site);
uint32_t ballot(uint32_t mask, bool predicate, Site site);
uint32_t match_any(uint32_t mask, uint64_t bits, Site site);
int64_t reduce(Reduce op, uint32_t mask, int64_t value, Site site);

template <class T>
T shuffle_value(uint32_t mask, T value, int source, Site site) {
  static_assert(sizeof(T) <= 8 && std::is_trivially_copyable_v<T>, "a shuffle moves at most 8 bytes");
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  bits = shuffle(mask, bits, source, site);
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

/// First lane of this lane's group of `width` lanes.
inline int group_start(int width) { return lane->index & ~(width - 1); }

}  // namespace rkv::emu

inline void __syncthreads(rkv::emu::Site site = rkv::emu::Site::current()) { rkv::emu::barrier(0, 0, 0, site); }
inline int __syncthreads_count(int p, rkv::emu::Site site = rkv::emu::Site::current()) {
  return rkv::emu::barrier(0, 0, p != 0, site);
}
inline int __syncthreads_or(int p, rkv::emu::Site site = rkv::emu::Site::current()) {
  return rkv::emu::barrier(0, 0, p != 0, site) != 0;
}
inline int __syncthreads_and(int p, rkv::emu::Site site = rkv::emu::Site::current()) {
  return rkv::emu::barrier(0, 0, p == 0, site) == 0;
}
inline void __syncwarp(unsigned mask = ~0u, rkv::emu::Site site = rkv::emu::Site::current()) {
  rkv::emu::sync_warp(mask, site);
}
inline void __threadfence() { rkv::emu::fence(); }
inline void __threadfence_block() { rkv::emu::fence(); }
inline void __threadfence_system() { rkv::emu::fence(); }

template <class T>
T __shfl_sync(unsigned mask, T v, int source, int width = 32, rkv::emu::Site site = rkv::emu::Site::current()) {
  return rkv::emu::shuffle_value(mask, v, rkv::emu::group_start(width) + (source & (width - 1)), site);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T v, int bits, int width = 32, rkv::emu::Site site = rkv::emu::Site::current()) {
  const int own = rkv::emu::lane->index, from = own ^ bits;
  return rkv::emu::shuffle_value(mask, v, from < rkv::emu::group_start(width) + width ? from : own, site);
}
template <class T>
T __shfl_down_sync(unsigned mask, T v, unsigned by, int width = 32, rkv::emu::Site site = rkv::emu::Site::current()) {
  const int own = rkv::emu::lane->index, from = own + static_cast<int>(by);
  return rkv::emu::shuffle_value(mask, v, from < rkv::emu::group_start(width) + width ? from : own, site);
}
template <class T>
T __shfl_up_sync(unsigned mask, T v, unsigned by, int width = 32, rkv::emu::Site site = rkv::emu::Site::current()) {
  const int own = rkv::emu::lane->index, from = own - static_cast<int>(by);
  return rkv::emu::shuffle_value(mask, v, from >= rkv::emu::group_start(width) ? from : own, site);
}

inline unsigned __ballot_sync(unsigned mask, int p, rkv::emu::Site site = rkv::emu::Site::current()) {
  return rkv::emu::ballot(mask, p != 0, site);
}
inline int __any_sync(unsigned mask, int p, rkv::emu::Site site = rkv::emu::Site::current()) {
  return rkv::emu::ballot(mask, p != 0, site) != 0;
}
inline int __all_sync(unsigned mask, int p, rkv::emu::Site site = rkv::emu::Site::current()) {
  return rkv::emu::ballot(mask, p == 0, site) == 0;
}
template <class T>
unsigned __match_any_sync(unsigned mask, T v, rkv::emu::Site site = rkv::emu::Site::current()) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8, "match_any compares 4 or 8 bytes");
  uint64_t bits = 0;
  std::memcpy(&bits, &v, sizeof v);
  return rkv::emu::match_any(mask, bits, site);
}

// Reductions of sm_80: 32-bit integers; and, or, xor of unsigned ones only.
template <class T>
T __reduce_add_sync(unsigned mask, T v, rkv::emu::Site site = rkv::emu::Site::current()) {
  static_assert(sizeof(T) == 4 && std::is_integral_v<T>);
  return static_cast<T>(rkv::emu::reduce(rkv::emu::Reduce::kAdd, mask, v, site));
}
template <class T>
T __reduce_min_sync(unsigned mask, T v, rkv::emu::Site site = rkv::emu::Site::current()) {
  static_assert(sizeof(T) == 4 && std::is_integral_v<T>);
  return static_cast<T>(rkv::emu::reduce(rkv::emu::Reduce::kMin, mask, v, site));
}
template <class T>
T __reduce_max_sync(unsigned mask, T v, rkv::emu::Site site = rkv::emu::Site::current()) {
  static_assert(sizeof(T) == 4 && std::is_integral_v<T>);
  return static_cast<T>(rkv::emu::reduce(rkv::emu::Reduce::kMax, mask, v, site));
}
inline unsigned __reduce_and_sync(unsigned mask, unsigned v, rkv::emu::Site site = rkv::emu::Site::current()) {
  return static_cast<unsigned>(rkv::emu::reduce(rkv::emu::Reduce::kAnd, mask, v, site));
}
inline unsigned __reduce_or_sync(unsigned mask, unsigned v, rkv::emu::Site site = rkv::emu::Site::current()) {
  return static_cast<unsigned>(rkv::emu::reduce(rkv::emu::Reduce::kOr, mask, v, site));
}
inline unsigned __reduce_xor_sync(unsigned mask, unsigned v, rkv::emu::Site site = rkv::emu::Site::current()) {
  return static_cast<unsigned>(rkv::emu::reduce(rkv::emu::Reduce::kXor, mask, v, site));
}
