// ldmatrix and mma.sync of a whole warp, and cp.async of one thread.
#include <bit>
#include <cstring>

#include "emu/block.h"
#include "emu/intrinsics.h"

namespace rkv::emu {
namespace {

struct Rows {
  uint32_t* r;
  int n;
  uint4 row;
};

struct Mma {
  float* d;
  const uint32_t* a;
  uint32_t b0, b1;
};

template <class T>
const T& operand(const Warp& warp, int lane) {
  return *std::bit_cast<const T*>(warp.in[lane]);
}

template <class T>
void meet_whole(Exchange exchange, const T& mine, const Site& site) {
  Thread& me = self();
  if (me.warp->all != ~0u) fault("tensor instructions need whole warps of 32 threads");
  me.warp->in[me.index] = std::bit_cast<uint64_t>(&mine);
  me.block->meet(me, exchange, ~0u, site);
}

template <bool kTransposed>
void exchange_rows(Warp& w, uint32_t) {
  uint16_t element[4][8][8];
  const int n = operand<Rows>(w, 0).n;
  for (int i = 0; i < 8 * n; i++) std::memcpy(element[i / 8][i % 8], &operand<Rows>(w, i).row, 16);
  for (int lane = 0; lane < 32; lane++) {
    uint32_t* r = operand<Rows>(w, lane).r;
    const int g = lane / 4, t = lane % 4 * 2;
    for (int m = 0; m < n; m++) {
      const uint16_t low = kTransposed ? element[m][t][g] : element[m][g][t];
      const uint16_t high = kTransposed ? element[m][t + 1][g] : element[m][g][t + 1];
      r[m] = low | static_cast<uint32_t>(high) << 16;
    }
  }
}

float low(uint32_t packed) { return std::bit_cast<float>(packed << 16); }
float high(uint32_t packed) { return std::bit_cast<float>(packed & 0xffff0000u); }

typedef float Row __attribute__((vector_size(32), may_alias));

void multiply(Warp& w, uint32_t) {
  float a[16][16];
  alignas(32) float b[16][8], d[16][8];
  for (int lane = 0; lane < 32; lane++) {
    const Mma& m = operand<Mma>(w, lane);
    const int g = lane / 4, t = lane % 4 * 2;
    for (int quarter = 0; quarter < 4; quarter++) {
      float* row = a[g + quarter % 2 * 8] + t + quarter / 2 * 8;
      row[0] = low(m.a[quarter]);
      row[1] = high(m.a[quarter]);
    }
    b[t][g] = low(m.b0);
    b[t + 1][g] = high(m.b0);
    b[t + 8][g] = low(m.b1);
    b[t + 9][g] = high(m.b1);
  }
  // Four rows of d at a time, so that additions need not wait for each other.
  for (int i = 0; i < 16; i += 4) {
    Row sum[4] = {};
    for (int k = 0; k < 16; k++) {
      for (int r = 0; r < 4; r++) sum[r] += a[i + r][k] * *reinterpret_cast<const Row*>(b[k]);
    }
    for (int r = 0; r < 4; r++) *reinterpret_cast<Row*>(d[i + r]) = sum[r];
  }
  for (int lane = 0; lane < 32; lane++) {
    float* out = operand<Mma>(w, lane).d;
    const int g = lane / 4, t = lane % 4 * 2;
    out[0] += d[g][t];
    out[1] += d[g][t + 1];
    out[2] += d[g + 8][t];
    out[3] += d[g + 8][t + 1];
  }
}

}  // namespace

void exchange_matrices(uint32_t* r, int n, bool transposed, const uint4& row, Site site) {
  meet_whole(transposed ? exchange_rows<true> : exchange_rows<false>, Rows{r, n, row}, site);
}

void exchange_mma(float* d, const uint32_t* a, uint32_t b0, uint32_t b1, Site site) {
  meet_whole(multiply, Mma{d, a, b0, b1}, site);
}

void misaligned(const char* what, const void* p) { fault("%s: the address %p is not aligned to its size", what, p); }

void begin_copy(void* to, const void* from, int bytes, Site site) {
  Thread& me = self();
  me.site = site;
  if (reinterpret_cast<uintptr_t>(to) % bytes != 0) misaligned("cp.async", to);
  if (reinterpret_cast<uintptr_t>(from) % bytes != 0) misaligned("cp.async", from);
  if (!me.block->is_shared(to, bytes)) fault("cp.async: the destination %p is not shared memory of the block", to);
  me.copies.issue(to, from, bytes);
}

void commit_copies() { self().copies.commit(); }
bool take_copy(int groups, AsyncCopy* copy) { return self().copies.take(groups, copy); }

}  // namespace rkv::emu
