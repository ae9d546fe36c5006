// Where the cumulative probability of the tokens, best first, passes a target: top-k, top-p and the draw itself,
// without sorting the vocabulary.
//
// Tokens are ordered by key, an integer that orders as the logit does. Their weights, exp((logit - best) /
// temperature), are rounded to fixed point, so that sums come out the same in whatever order atomics make them. A
// crossing is then found by three digits of the key: sum per digit, see where the target falls, go on inside. Digits
// are 11, 11 and 10 bits wide; the sums of the first one come ready-made.
#pragma once

#include "gpu/reduce.cuh"

namespace rkv::gpu {

using Mass = unsigned long long;  // fixed point: SampleParams::one is weight 1

constexpr uint32_t kNoToken = 0;  // a key that no logit has

/// `logit` must not be NaN. -0 counts as 0.
__device__ __forceinline__ uint32_t key_of(float logit) {
  const uint32_t bits = __float_as_uint(logit == 0 ? 0.0f : logit);
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}
__device__ __forceinline__ float logit_of(uint32_t key) {
  return __uint_as_float(key & 0x80000000u ? key & 0x7fffffffu : ~key);
}

constexpr int kBins = 2048;
constexpr int kFirstShift = 21;  // of the first digit

struct Bins {
  Mass mass[kBins];
  unsigned count[kBins];

  __device__ void clear() {
    for (int i = static_cast<int>(threadIdx.x); i < kBins; i += static_cast<int>(blockDim.x)) mass[i] = 0, count[i] = 0;
  }
  __device__ void add(unsigned bin, Mass m, unsigned n = 1) {
    atomicAdd(&mass[bin], m);
    atomicAdd(&count[bin], n);
  }
};

/// The tokens of one key, among which a cumulative sum passes its target.
struct Crossing {
  uint32_t key;
  Mass mass, mass_before;  // of all of them; of all better tokens
  unsigned count, count_before;

  __device__ Mass mass_of_one() const { return mass / count; }
  /// Of the first `n` of them and everything before.
  __device__ Mass mass_through(Mass n) const { return mass_before + n * mass_of_one(); }
};

/// What a sum runs over.
enum class Measure { kCount, kMass };

/// Finds crossings with a block of kBins / 2 threads.
struct Finder {
  const uint32_t* keys;  // [n_keys], a multiple of 4, aligned to 16 bytes; kNoToken where there is none
  const Mass* mass;      // [n_keys]
  int n_keys;
  const Bins* first;  // sums by first digit
  // shared
  Bins* bins;
  Crossing* found;
  Mass* sums;        // [kMaxWarps]
  unsigned* counts;  // [kMaxWarps]

  static constexpr int kThreads = kBins / 2;

  /// Mass of all tokens.
  __device__ Mass total() const {
    const int i = static_cast<int>(threadIdx.x);
    return block_sum(first->mass[i] + first->mass[i + kThreads], sums);
  }

  /// @param target  Below the total of the measure.
  __device__ Crossing find(Measure measure, Mass target) const {
    const Crossing coarse = pick({}, *first, kFirstShift, measure, target);
    const Crossing finer = refine(coarse, kFirstShift, 10, measure, target);
    return refine(finer, 10, 0, measure, target);
  }

  /// *token = number `rank`, in ascending order, of the tokens with this key. Every warp counts in a stretch of its
  /// own; the one that has it looks again.
  __device__ void write_token(uint32_t key, unsigned rank, int32_t* token) const {
    constexpr int kStep = 4 * kWarp;  // tokens that a warp looks at together
    const int lane = static_cast<int>(threadIdx.x) % kWarp, warp = static_cast<int>(threadIdx.x) / kWarp;
    const int stretch = (n_keys + kStep * kMaxWarps - 1) / (kStep * kMaxWarps) * kStep;
    const int from = warp * stretch, to = min(from + stretch, n_keys);
    const auto load = [&](int id) {
      return id < to ? *reinterpret_cast<const uint4*>(keys + id) : make_uint4(kNoToken, kNoToken, kNoToken, kNoToken);
    };
    const auto matches = [&](const uint4& v) {
      return static_cast<unsigned>(v.x == key) + (v.y == key) + (v.z == key) + (v.w == key);
    };
    unsigned own = 0, all;
#pragma unroll 4
    for (int id = from + 4 * lane; id < to; id += kStep) own += matches(load(id));
    unsigned seen = __shfl_sync(kFullWarp, block_exclusive_sum(own, counts, &all), 0);
    for (int id = from + 4 * lane; id - 4 * lane < to && seen <= rank; id += kStep) {
      const uint4 v = load(id);
      const unsigned through = seen + warp_inclusive_sum(matches(v));
      unsigned at = through - matches(v);
      if (v.x == key && at++ == rank) *token = id;
      if (v.y == key && at++ == rank) *token = id + 1;
      if (v.z == key && at++ == rank) *token = id + 2;
      if (v.w == key && at++ == rank) *token = id + 3;
      seen = __shfl_sync(kFullWarp, through, kWarp - 1);
    }
  }

 private:
  /// The bits of the key from `upper` on are known; find those from `lower` on.
  __device__ Crossing refine(const Crossing& at, int upper, int lower, Measure measure, Mass target) const {
    const uint32_t digit = (1u << (upper - lower)) - 1;
    __syncthreads();
    bins->clear();
    __syncthreads();
    for_each_key([&](uint32_t key, int i) {
      if (key >> upper == at.key >> upper) bins->add(key >> lower & digit, mass[i]);
    });
    __syncthreads();
    return pick(at, *bins, lower, measure, target);
  }

  template <class Fn>
  __device__ void for_each_key(Fn&& fn) const {
    constexpr int kBatch = 4;  // loads in flight
    const auto* words = reinterpret_cast<const uint4*>(keys);
    const int n_words = n_keys / 4;
    for (int from = static_cast<int>(threadIdx.x); from < n_words; from += kBatch * kThreads) {
      uint4 batch[kBatch];
#pragma unroll
      for (int i = 0; i < kBatch; i++) {
        const int at = from + i * kThreads;
        batch[i] = at < n_words ? words[at] : make_uint4(kNoToken, kNoToken, kNoToken, kNoToken);
      }
#pragma unroll
      for (int i = 0; i < kBatch; i++) {
        const int at = 4 * (from + i * kThreads);
        fn(batch[i].x, at), fn(batch[i].y, at + 1), fn(batch[i].z, at + 2), fn(batch[i].w, at + 3);
      }
    }
  }

  /// Narrow `at` down to the bin that the target falls into. Every thread has two bins, from the highest down.
  __device__ Crossing pick(Crossing at, const Bins& from, int shift, Measure measure, Mass target) const {
    const int high = kBins - 1 - 2 * static_cast<int>(threadIdx.x);
    Mass all_mass;
    unsigned all_count;
    const Mass pair_mass = from.mass[high] + from.mass[high - 1];
    Mass mass_before = at.mass_before + block_exclusive_sum(pair_mass, sums, &all_mass);
    const unsigned pair_count = from.count[high] + from.count[high - 1];
    unsigned count_before = at.count_before + block_exclusive_sum(pair_count, counts, &all_count);
    for (int bin = high; bin >= high - 1; bin--) {
      const Mass mass = from.mass[bin];
      const unsigned count = from.count[bin];
      const Mass before = measure == Measure::kMass ? mass_before : count_before;
      const Mass own = measure == Measure::kMass ? mass : count;
      if (before <= target && target - before < own) {
        *found = {at.key | static_cast<uint32_t>(bin) << shift, mass, mass_before, count, count_before};
      }
      mass_before += mass, count_before += count;
    }
    __syncthreads();
    return *found;
  }
};

}  // namespace rkv::gpu
