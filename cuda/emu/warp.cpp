// Warp collectives: operands in, results out, the last lane to come works for all.
#include <algorithm>
#include <bit>

#include "emu/block.h"
#include "emu/collectives.h"

namespace rkv::emu {
namespace {

template <class F>
void each(uint32_t mask, F&& fn) {
  for (; mask != 0; mask &= mask - 1) fn(std::countr_zero(mask));
}

uint64_t meet(Exchange exchange, uint32_t mask, uint64_t value, int source, const Site& site) {
  Thread& me = self();
  Warp& warp = *me.warp;
  warp.in[me.index] = value;
  warp.source[me.index] = source;
  me.block->meet(me, exchange, mask, site);
  return warp.out[me.index];
}

// From a lane outside the mask comes poison.
void exchange_shuffle(Warp& w, uint32_t mask) {
  if (mask == ~0u) {
    for (int i = 0; i < 32; i++) w.out[i] = w.in[w.source[i]];
  } else {
    each(mask, [&](int i) { w.out[i] = mask >> w.source[i] & 1 ? w.in[w.source[i]] : ~0ull; });
  }
}

void exchange_ballot(Warp& w, uint32_t mask) {
  uint64_t bits = 0;
  each(mask, [&](int i) { bits |= w.in[i] << i; });
  each(mask, [&](int i) { w.out[i] = bits; });
}

void exchange_match(Warp& w, uint32_t mask) {
  each(mask, [&](int i) {
    uint64_t equal = 0;
    each(mask, [&](int j) { equal |= static_cast<uint64_t>(w.in[j] == w.in[i]) << j; });
    w.out[i] = equal;
  });
}

int64_t combine(Reduce op, int64_t a, int64_t b) {
  switch (op) {
    case Reduce::kAdd:
      return a + b;
    case Reduce::kMin:
      return std::min(a, b);
    case Reduce::kMax:
      return std::max(a, b);
    case Reduce::kAnd:
      return a & b;
    case Reduce::kOr:
      return a | b;
    case Reduce::kXor:
      return a ^ b;
  }
  __builtin_unreachable();
}

void exchange_reduce(Warp& w, uint32_t mask) {
  const int first = std::countr_zero(mask);
  const auto op = static_cast<Reduce>(w.source[first]);
  auto total = static_cast<int64_t>(w.in[first]);
  each(mask & (mask - 1), [&](int i) { total = combine(op, total, static_cast<int64_t>(w.in[i])); });
  each(mask, [&](int i) { w.out[i] = static_cast<uint64_t>(total); });
}

// Memory of every lane before is visible to every lane after. Of the collectives only this one orders memory.
void exchange_sync(Warp& w, uint32_t mask) {
  each(mask, [&](int i) { tsan_acquire(w.threads[i].arrived); });
  each(mask, [&](int i) { tsan_release(w.threads[i].left); });
}

}  // namespace

void sync_warp(uint32_t mask, Site site) {
  Thread& me = self();
  tsan_release(me.arrived);
  me.block->meet(me, kTsan ? exchange_sync : nullptr, mask, site);
  tsan_acquire(me.left);
}

uint64_t shuffle(uint32_t mask, uint64_t bits, int source, Site site) {
  return meet(exchange_shuffle, mask, bits, source & 31, site);
}

uint32_t ballot(uint32_t mask, bool predicate, Site site) {
  return static_cast<uint32_t>(meet(exchange_ballot, mask, predicate, 0, site));
}

uint32_t match_any(uint32_t mask, uint64_t bits, Site site) {
  return static_cast<uint32_t>(meet(exchange_match, mask, bits, 0, site));
}

int64_t reduce(Reduce op, uint32_t mask, int64_t value, Site site) {
  return static_cast<int64_t>(meet(exchange_reduce, mask, static_cast<uint64_t>(value), static_cast<int>(op), site));
}

}  // namespace rkv::emu
