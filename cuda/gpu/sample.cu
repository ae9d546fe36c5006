// Sampling: repeat penalty, temperature, top-k, top-p, min-p and the draw, or the best token when temperature is 0.
//
//   logits  [vocab_size] per request  f32  as they are; NaN counts as -inf
//   tokens  [n requests]              i32  out, host
//
// The order of tokens (larger logit, then lower id), the uniform and the steps are the CPU's. Sums are exact sums of
// weights rounded to 2^-43 of the best one (vocabularies below 2^19), the CPU's are sums of doubles: they draw the same
// token unless a boundary of top-p or of the draw falls within 2^-26 of a token's edge.
//
// Launch: keys and chunk bests, grid (ceil(vocab_size / 2048), n), block 256; sums by first digit, same shape, only if
// some temperature is not 0; the draw, grid n, block 1024: a scan of the keys for every digit but the first of top-k,
// top-p and the draw, one more for the token. Reads 4 bytes per token and scan, from L2.
// CPU reference: cpu/sampler.cpp.
#include "gpu/sample.cuh"

#include <algorithm>
#include <bit>
#include <cmath>

#include "core/sampling.h"
#include "gpu/aligned.h"
#include "gpu/kernels.h"

namespace rkv::gpu {
namespace {

constexpr int kThreads = 256;
constexpr int kChunk = 2048;  // tokens of a block

/// A request as kernels see it.
struct Draw {
  const float* logits;
  int32_t first_penalised, n_penalised;  // of SampleParams::penalised
  float penalty;
  int32_t top_k;  // 0 = off
  double temperature, top_p, min_p;
  double uniform;
  __device__ bool greedy() const { return temperature == 0; }
};

struct Histogram {
  Bins bins;         // by first digit
  Mass above_min_p;  // of the tokens that min_p keeps
};

struct SampleParams {
  const Draw* draws;         // [n]
  const int32_t* penalised;  // ids, each once per request
  uint32_t* keys;            // [n, pitch]: key of every token, if any request draws
  Mass* mass;                // [n, pitch]: its mass, likewise
  uint64_t* best;            // [n, chunks]: key, then ~id, of the best token of the chunk
  Histogram* histogram;      // [n]
  int32_t* tokens;           // [n] out
  int vocab_size, pitch, chunks;
  double one;
};

/// The best token of request `r` with its key: the whole block gets it.
__device__ uint64_t best_of(const SampleParams& p, int r, uint64_t* shared) {
  uint64_t best = 0;
  for (int i = static_cast<int>(threadIdx.x); i < p.chunks; i += static_cast<int>(blockDim.x)) {
    best = max(best, p.best[static_cast<int64_t>(r) * p.chunks + i]);
  }
  return block_max(best, uint64_t{0}, shared);
}
__device__ uint32_t key_of_best(uint64_t best) { return static_cast<uint32_t>(best >> 32); }
__device__ int32_t id_of_best(uint64_t best) { return static_cast<int32_t>(~static_cast<uint32_t>(best)); }

/// One bit per token of the chunk from `first` on: whether the penalty changes it.
__device__ void mark_penalised(const SampleParams& p, const Draw& draw, int first, unsigned* marks) {
  for (int i = static_cast<int>(threadIdx.x); i < kChunk / 32; i += kThreads) marks[i] = 0;
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < draw.n_penalised; i += kThreads) {
    const int at = p.penalised[draw.first_penalised + i] - first;
    if (at >= 0 && at < kChunk) atomicOr(&marks[at / 32], 1u << at % 32);
  }
  __syncthreads();
}

__global__ void sample_keys_kernel(const SampleParams* params) {
  RKV_SHARED(unsigned, marks, [kChunk / 32]);
  RKV_SHARED(uint64_t, shared, [kMaxWarps]);
  const SampleParams p = *params;
  const int r = static_cast<int>(blockIdx.y), first = static_cast<int>(blockIdx.x) * kChunk;
  const Draw draw = p.draws[r];
  mark_penalised(p, draw, first, marks);
  uint64_t best = 0;
  for (int i = static_cast<int>(threadIdx.x); i < kChunk && first + i < p.pitch; i += kThreads) {
    const int id = first + i;
    uint32_t key = kNoToken;
    if (id < p.vocab_size) {
      float logit = draw.logits[id];
      if (logit != logit) logit = -INFINITY;
      if (marks[i / 32] >> i % 32 & 1) logit = logit > 0 ? logit / draw.penalty : logit * draw.penalty;
      key = key_of(logit);
      best = max(best, static_cast<uint64_t>(key) << 32 | ~static_cast<uint32_t>(id));
    }
    if (!draw.greedy()) p.keys[static_cast<int64_t>(r) * p.pitch + id] = key;
  }
  best = block_max(best, uint64_t{0}, shared);
  if (threadIdx.x == 0) p.best[static_cast<int64_t>(r) * p.chunks + blockIdx.x] = best;
  if (blockIdx.x == 0 && !draw.greedy()) {
    p.histogram[r].bins.clear();
    if (threadIdx.x == 0) p.histogram[r].above_min_p = 0;
  }
}

__global__ void sample_sums_kernel(const SampleParams* params) {
  RKV_SHARED(Histogram, sums, );
  RKV_SHARED(uint64_t, shared, [kMaxWarps]);
  const SampleParams p = *params;
  const int r = static_cast<int>(blockIdx.y), first = static_cast<int>(blockIdx.x) * kChunk;
  const Draw draw = p.draws[r];
  if (draw.greedy()) return;
  sums.bins.clear();
  if (threadIdx.x == 0) sums.above_min_p = 0;
  const float best = logit_of(key_of_best(best_of(p, r, shared)));
  if (fabsf(best) == INFINITY) return;
  Mass above_min_p = 0;
  for (int i = static_cast<int>(threadIdx.x); i < kChunk && first + i < p.vocab_size; i += kThreads) {
    const int64_t at = static_cast<int64_t>(r) * p.pitch + first + i;
    const uint32_t key = p.keys[at];
    const double weight = exp((static_cast<double>(logit_of(key)) - best) / draw.temperature);
    const Mass mass = static_cast<Mass>(weight * p.one + 0.5);
    p.mass[at] = mass;
    sums.bins.add(key >> kFirstShift, mass);
    if (weight >= draw.min_p) above_min_p += mass;
  }
  atomicAdd(&sums.above_min_p, above_min_p);
  __syncthreads();
  Histogram& out = p.histogram[r];
  for (int i = static_cast<int>(threadIdx.x); i < kBins; i += kThreads) {
    if (sums.bins.count[i] > 0) out.bins.add(i, sums.bins.mass[i], sums.bins.count[i]);
  }
  if (threadIdx.x == 0) atomicAdd(&out.above_min_p, sums.above_min_p);
}

__global__ void __launch_bounds__(Finder::kThreads) sample_draw_kernel(const SampleParams* params) {
  RKV_SHARED(Bins, bins, );
  RKV_SHARED(Crossing, found, );
  RKV_SHARED(uint64_t, bests, [kMaxWarps]);
  RKV_SHARED(Mass, sums, [kMaxWarps]);
  RKV_SHARED(unsigned, counts, [kMaxWarps]);
  const SampleParams p = *params;
  const int r = static_cast<int>(blockIdx.x);
  const Draw draw = p.draws[r];
  const uint64_t best = best_of(p, r, bests);
  const float best_logit = logit_of(key_of_best(best));
  if (draw.greedy() || fabsf(best_logit) == INFINITY) {  // next to an infinite logit all others weigh nothing
    if (threadIdx.x == 0) p.tokens[r] = id_of_best(best);
    return;
  }
  const Histogram& histogram = p.histogram[r];
  const int64_t row = static_cast<int64_t>(r) * p.pitch;
  const Finder finder = {p.keys + row, p.mass + row, p.pitch, &histogram.bins, &bins, &found, sums, counts};
  // Each of top-k, top-p and min-p keeps a prefix of the tokens in order; the shortest counts.
  Mass mass = finder.total();
  if (draw.top_k > 0) {
    const Mass target = static_cast<Mass>(draw.top_k) - 1;
    const Crossing last = finder.find(Measure::kCount, target);
    mass = last.mass_through(target - last.count_before + 1);
  }
  if (draw.top_p < 1) {
    const double wanted = ceil(draw.top_p * static_cast<double>(mass));
    const Mass target = wanted < 1 ? 0 : min(static_cast<Mass>(wanted), mass) - 1;
    const Crossing last = finder.find(Measure::kMass, target);
    mass = last.mass_through((target - last.mass_before) / last.mass_of_one() + 1);
  }
  if (draw.min_p > 0) mass = min(mass, histogram.above_min_p);
  const Mass target = min(static_cast<Mass>(draw.uniform * static_cast<double>(mass)), mass - 1);
  const Crossing drawn = finder.find(Measure::kMass, target);
  const auto rank = static_cast<unsigned>((target - drawn.mass_before) / drawn.mass_of_one());
  finder.write_token(drawn.key, rank, &p.tokens[r]);
}

/// A place for `n` ids that stays the same while n changes a little.
size_t capacity_for(size_t n) { return n == 0 ? 0 : std::bit_ceil(std::max<size_t>(n, 64)); }

/// Offsets of arrays that lie in one piece of memory.
struct Pieces {
  size_t bytes = 0;
  template <class T>
  size_t add(size_t count) {
    const size_t at = (bytes + kVectorBytes - 1) / kVectorBytes * kVectorBytes;
    bytes = at + count * sizeof(T);
    return at;
  }
};

}  // namespace

void sample(Launcher& launcher, Scratch& scratch, std::span<const SampleRequest> requests, int vocab_size,
            int32_t* tokens) {
  if (requests.empty()) return;
  std::vector<Draw> draws;
  std::vector<int32_t> penalised;
  for (const SampleRequest& request : requests) {
    const rkv_sampler& s = *request.sampler;
    const std::vector<int32_t> ids = penalised_tokens(request);
    draws.push_back({request.logits, static_cast<int32_t>(penalised.size()), static_cast<int32_t>(ids.size()),
                     s.repeat_penalty, s.top_k < vocab_size ? s.top_k : 0, s.temperature, s.top_p, s.min_p,
                     uniform(s.seed, static_cast<uint64_t>(request.position))});
    penalised.resize(penalised.size() + capacity_for(ids.size()));
    std::copy(ids.begin(), ids.end(), penalised.begin() + draws.back().first_penalised);
  }

  const bool all_greedy =
      std::all_of(draws.begin(), draws.end(), [](const Draw& draw) { return draw.temperature == 0; });

  const size_t n = requests.size();
  const int pitch = (vocab_size + 3) / 4 * 4, chunks = (vocab_size + kChunk - 1) / kChunk;
  const size_t n_keys = all_greedy ? 0 : n * pitch;
  Pieces pieces;
  const size_t keys = pieces.add<uint32_t>(n_keys), mass = pieces.add<Mass>(n_keys);
  const size_t best = pieces.add<uint64_t>(n * chunks), histogram = pieces.add<Histogram>(n);
  const size_t drawn = pieces.add<int32_t>(n);
  auto* memory = scratch.get<uint8_t>(pieces.bytes);
  SampleParams params = {};
  params.draws = launcher.stage(std::span<const Draw>(draws));
  params.penalised = launcher.stage(std::span<const int32_t>(penalised));
  params.keys = reinterpret_cast<uint32_t*>(memory + keys);
  params.mass = reinterpret_cast<Mass*>(memory + mass);
  params.best = reinterpret_cast<uint64_t*>(memory + best);
  params.histogram = reinterpret_cast<Histogram*>(memory + histogram);
  params.tokens = reinterpret_cast<int32_t*>(memory + drawn);
  params.vocab_size = vocab_size, params.pitch = pitch, params.chunks = chunks;
  // The sum over a whole vocabulary of best tokens must stay below 2^63.
  params.one = std::ldexp(1.0, 62 - std::bit_width(static_cast<unsigned>(vocab_size)));

  const dim3 by_chunk(static_cast<unsigned>(chunks), static_cast<unsigned>(n));
  launcher.run(sample_keys_kernel, by_chunk, kThreads, 0, params);
  if (!all_greedy) {
    launcher.run(sample_sums_kernel, by_chunk, kThreads, 0, params);
  }
  launcher.run(sample_draw_kernel, static_cast<unsigned>(n), Finder::kThreads, 0, params);
  launcher.flush();
  check(cudaMemcpyAsync(tokens, params.tokens, n * sizeof(int32_t), cudaMemcpyDeviceToHost, launcher.stream()),
        "copy from the device");
  launcher.wait();
}

}  // namespace rkv::gpu
