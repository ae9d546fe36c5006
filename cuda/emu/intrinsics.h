// The functions of gpu/intrinsics.h on the CPU. What touches a kernel's memory is here, where sanitizers see it.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include "emu/async_copy.h"
#include "emu/collectives.h"
#include "emu/cuda.h"
#include "emu/site.h"

namespace rkv::emu {

/// Matrices of a whole warp from the rows that its lanes read; `n` of them to r.
void exchange_matrices(uint32_t* r, int n, bool transposed, const uint4& row, Site site);
void exchange_mma(float* d, const uint32_t* a, uint32_t b0, uint32_t b1, Site site);
[[noreturn]] void misaligned(const char* what, const void* p);

// A type that may alias any other and is read and written in one access.
typedef uint32_t __attribute__((may_alias)) Word;

template <int kMatrices>
void load_matrices(uint32_t* r, bool transposed, const void* row, Site site) {
  uint4 read{0, 0, 0, 0};
  if (lane->index < 8 * kMatrices) {
    if (reinterpret_cast<uintptr_t>(row) % 16 != 0) misaligned("ldmatrix", row);
    const Word* words = static_cast<const Word*>(row);
    read = {words[0], words[1], words[2], words[3]};
  }
  exchange_matrices(r, kMatrices, transposed, read, site);
}

}  // namespace rkv::emu

namespace rkv::gpu {

using Site = emu::Site;

template <int kBytes>
void cp_async(void* to_shared, const void* from, bool valid = true, Site site = Site::current()) {
  static_assert(kBytes == 4 || kBytes == 8 || kBytes == 16);
  emu::begin_copy(to_shared, valid ? from : nullptr, kBytes, site);
  auto* to = static_cast<emu::Word*>(to_shared);
  for (int i = 0; i < kBytes / 4; i++) to[i] = ~0u;  // nobody may read it before the wait
}
inline void cp_async_commit() { emu::commit_copies(); }
template <int kPending>
void cp_async_wait() {
  for (emu::AsyncCopy copy; emu::take_copy(kPending, &copy);) {
    auto* to = static_cast<emu::Word*>(copy.to);
    const auto* from = static_cast<const emu::Word*>(copy.from);
    for (int i = 0; i < copy.bytes / 4; i++) to[i] = from == nullptr ? 0 : from[i];
  }
}

inline void ldmatrix_x1(uint32_t (&r)[1], const void* row, Site site = Site::current()) {
  emu::load_matrices<1>(r, false, row, site);
}
inline void ldmatrix_x2(uint32_t (&r)[2], const void* row, Site site = Site::current()) {
  emu::load_matrices<2>(r, false, row, site);
}
inline void ldmatrix_x4(uint32_t (&r)[4], const void* row, Site site = Site::current()) {
  emu::load_matrices<4>(r, false, row, site);
}
inline void ldmatrix_x1_trans(uint32_t (&r)[1], const void* row, Site site = Site::current()) {
  emu::load_matrices<1>(r, true, row, site);
}
inline void ldmatrix_x2_trans(uint32_t (&r)[2], const void* row, Site site = Site::current()) {
  emu::load_matrices<2>(r, true, row, site);
}
inline void ldmatrix_x4_trans(uint32_t (&r)[4], const void* row, Site site = Site::current()) {
  emu::load_matrices<4>(r, true, row, site);
}

inline void mma_bf16(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1, Site site = Site::current()) {
  emu::exchange_mma(d, a, b0, b1, site);
}

template <class T>
T load_stream(const T* p) {
  if (reinterpret_cast<uintptr_t>(p) % sizeof(T) != 0) emu::misaligned("load_stream", p);
  return *p;
}
inline void prefetch_l2(const void*) {}

inline int dp4a_us(uint32_t a, uint32_t b, int c) {
  for (int i = 0; i < 32; i += 8) c += static_cast<int>(a >> i & 255) * static_cast<int8_t>(b >> i);
  return c;
}
inline float fast_exp2(float x) { return exp2f(x); }
inline uint32_t pack_bf16(float low, float high) {
  return __bfloat16_as_ushort(low) | static_cast<uint32_t>(__bfloat16_as_ushort(high)) << 16;
}
inline void named_barrier(int id, int n_threads, Site site = Site::current()) { emu::barrier(id, n_threads, 0, site); }

}  // namespace rkv::gpu
