// Rows of K and V as codes of 8, 4 or 2 bits: KIVI (arXiv:2402.02750).
//
//   k, v      [n, d]                KV dtype
//   k_out     [n, d * bits / 8]     out: code = round((x - min) / scale), the first dim in the lowest bits
//   k_scale   [n / group, 2, d]     f16  out: scale = (max - min) / (2^bits - 1) and min of a dim over `group` tokens
//   v_scale   [n, 2, d / group]     f16  out: the same of a token over `group` dims
//
// Codes come from the scales as they are stored. A scale that rounds to 0 is stored as 1, and all of its codes are 0.
//
// Launch: grid (most groups of tokens, heads), block kThreads; reads K and V twice. CPU reference: cpu/quantise.cpp,
// the same bytes.
#include <algorithm>

#include "gpu/kernels.h"
#include "gpu/kv_row.cuh"

namespace rkv::gpu {
namespace {

constexpr int kThreads = 256;
static_assert(kThreads >= kMostDims);

struct QuantParams {
  const QuantHead* heads;
  int d;
};

/// Where a scale and its minimum go.
struct StoredScale {
  uint16_t* scale;
  int to_min;

  /// Of numbers between low and high. @return whether the scale is not 0.
  __device__ bool put(float low, float high, int bits) const {
    const __half rounded = __float2half_rn((high - low) / static_cast<float>((1 << bits) - 1));
    const bool live = __half2float(rounded) != 0;
    scale[0] = live ? __half_as_ushort(rounded) : uint16_t{0x3c00};
    scale[to_min] = __half_as_ushort(__float2half_rn(low));
    return live;
  }
};

template <class T>
__device__ float element(const void* rows, int64_t at) {
  return static_cast<float>(static_cast<const T*>(rows)[at]);
}

/// Codes of dims [dim, dim + kRowStep) of a row. @param scale(i), live(i)  of dim `dim + i`.
template <class T, class ScaleOf, class LiveOf>
__device__ void encode(const T* row, int bits, int to_min, uint8_t* out, ScaleOf scale, LiveOf live) {
  float x[kRowStep];
  PlainRow<T>{row}.load(0, x);
  uint64_t codes = 0;
#pragma unroll
  for (int i = 0; i < kRowStep; i++) {
    const uint16_t* own = scale(i);
    const float steps = (x[i] - f16_at(own + to_min)) / f16_at(own);
    const float code = live(i) ? rintf(fminf(fmaxf(steps, 0.0f), static_cast<float>((1 << bits) - 1))) : 0.0f;
    codes |= static_cast<uint64_t>(static_cast<unsigned>(code)) << (i * bits);
  }
  for (int byte = 0; byte < bits; byte++) out[byte] = static_cast<uint8_t>(codes >> (8 * byte));  // 8 dims: bits bytes
}

/// The tokens of one group.
template <class T>
__global__ void __launch_bounds__(kThreads) quantise_kernel(const QuantParams* params) {
  RKV_SHARED(bool, live_k, [kMostDims]);  // per dim
  RKV_SHARED(bool, live_v, [kMostDims]);  // per token and group of dims: as many
  const QuantHead& head = params->heads[blockIdx.y];
  const int d = params->d, bits = head.codes.bits, group = head.codes.group, groups = d / group;
  const int first = static_cast<int>(blockIdx.x) * group, thread = static_cast<int>(threadIdx.x);
  if (first >= head.n) return;
  auto* const k_scale = const_cast<uint16_t*>(head.codes.k_scale) + int64_t{blockIdx.x} * 2 * d;
  auto* const v_scale = const_cast<uint16_t*>(head.codes.v_scale) + int64_t{first} * 2 * groups;
  const T* const k = static_cast<const T*>(head.k) + int64_t{first} * d;
  const T* const v = static_cast<const T*>(head.v) + int64_t{first} * d;

  if (thread < d) {
    float low = element<T>(k, thread), high = low;
    for (int token = 1; token < group; token++) {
      const float x = element<T>(k, int64_t{token} * d + thread);
      low = fminf(low, x), high = fmaxf(high, x);
    }
    live_k[thread] = StoredScale{k_scale + thread, d}.put(low, high, bits);

    const int token = thread / groups, of_token = thread % groups;
    const int64_t from = int64_t{token} * d + of_token * group;
    low = high = element<T>(v, from);
    for (int i = 1; i < group; i++) {
      const float x = element<T>(v, from + i);
      low = fminf(low, x), high = fmaxf(high, x);
    }
    live_v[thread] = StoredScale{v_scale + token * 2 * groups + of_token, groups}.put(low, high, bits);
  }
  __syncthreads();

  auto* const k_out = static_cast<uint8_t*>(head.k_out) + int64_t{first} * d * bits / 8;
  auto* const v_out = static_cast<uint8_t*>(head.v_out) + int64_t{first} * d * bits / 8;
  for (int i = thread; i < group * d / kRowStep; i += kThreads) {
    const int at = i * kRowStep, token = at / d, dim = at % d;
    encode(
        k + at, bits, d, k_out + int64_t{at} * bits / 8, [&](int j) { return k_scale + dim + j; },
        [&](int j) { return live_k[dim + j]; });
    const auto of_token = [&](int j) { return (dim + j) / group; };
    encode(
        v + at, bits, groups, v_out + int64_t{at} * bits / 8,
        [&](int j) { return v_scale + token * 2 * groups + of_token(j); },
        [&](int j) { return live_v[token * groups + of_token(j)]; });
  }
}

}  // namespace

void quantise(Launcher& launcher, std::span<const QuantHead> heads, int d, DType kv) {
  int most = 0;  // groups of a head
  for (const QuantHead& head : heads) most = std::max(most, head.n / std::max(head.codes.group, 1));
  if (most == 0) return;
  const dim3 grid(most, static_cast<unsigned>(heads.size()));
  launcher.run(kv == RKV_F32 ? quantise_kernel<float> : quantise_kernel<bf16>, grid, kThreads, 0,
               QuantParams{launcher.stage(heads), d});
}

}  // namespace rkv::gpu
