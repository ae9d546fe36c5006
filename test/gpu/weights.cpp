#include "weights.h"

#include <cmath>
#include <cstring>

#include "cpu/cpu_level.h"
#include "cpu/linear_kernels.h"
#include "cpu/quant_blocks.h"
#include "gpu/kernels.h"

namespace rkv::test {
namespace {

/// Random bits of a positive or negative f16 of magnitude [2^-8, 2^-4).
uint16_t random_f16(int32_t random) {
  return static_cast<uint16_t>((random & 0x8000) | (7 + (random >> 10 & 3)) << 10 | (random & 0x3ff));
}

void set_f16(uint8_t* at, int32_t random) {
  const uint16_t bits = random_f16(random);
  std::memcpy(at, &bits, 2);
}

/// Replace the f16 numbers of a block of random bits by numbers that are finite and not too large.
void set_scales(DType dtype, uint8_t* block, int32_t random) {
  const int32_t other = random / 65536;
  switch (dtype) {
    case RKV_Q6_K:
      return set_f16(block + offsetof(cpu::BlockQ6_K, d), random);
    case RKV_Q4_1:
    case RKV_Q5_1:
    case RKV_Q4_K:
    case RKV_Q5_K:
      set_f16(block + 2, other);
      [[fallthrough]];
    default:
      return set_f16(block, random);
  }
}

std::vector<uint8_t> random_weights(DType dtype, int rows, int cols, uint64_t seed) {
  const size_t count = static_cast<size_t>(rows) * static_cast<size_t>(cols);
  std::vector<uint8_t> bytes(static_cast<size_t>(Weight{dtype, rows, cols, nullptr}.bytes()));
  if (dtype == RKV_F32) {
    const std::vector<float> values = random_floats(count, seed);
    std::memcpy(bytes.data(), values.data(), bytes.size());
  } else if (block_elements(dtype) == 1) {
    const std::vector<int32_t> random = random_ints(count, seed, 1 << 16);
    const std::vector<uint16_t> rounded = to_bf16(random_floats(count, seed));
    for (size_t i = 0; i < count; i++) {
      const uint16_t bits = dtype == RKV_F16 ? random_f16(random[i]) : rounded[i];
      std::memcpy(&bytes[2 * i], &bits, 2);
    }
  } else {
    const std::vector<int32_t> random = random_ints(bytes.size(), seed, 256);
    for (size_t i = 0; i < bytes.size(); i++) bytes[i] = static_cast<uint8_t>(random[i]);
    const auto block = static_cast<size_t>(block_bytes(dtype));
    const std::vector<int32_t> scales = random_ints(bytes.size() / block, seed + 1, INT32_MAX);
    for (size_t b = 0; b < scales.size(); b++) set_scales(dtype, &bytes[b * block], scales[b]);
  }
  return bytes;
}

std::vector<uint8_t> pack(const Weight& mapped) {
  std::vector<uint8_t> packed(gpu::packed_bytes(mapped));
  gpu::pack_weight(mapped, packed.data());
  return packed;
}

}  // namespace

TestWeight::TestWeight(DType dtype, int rows, int cols, uint64_t seed)
    : bytes_(random_weights(dtype, rows, cols, seed)),
      device_(pack({dtype, rows, cols, bytes_.data()})),
      mapped_{dtype, rows, cols, bytes_.data()},
      packed_{dtype, rows, cols, device_.data()} {}

std::vector<float> TestWeight::row(int index) const {
  std::vector<float> values(static_cast<size_t>(mapped_.cols));
  cpu::linear_kernels(cpu::best_cpu_level())
      .dequantize_row(mapped_.dtype, mapped_.data + index * row_bytes(mapped_.dtype, mapped_.cols), mapped_.cols,
                      values.data());
  return values;
}

Product multiply(const std::vector<float>& x, int n, const TestWeight& weight, const std::vector<float>& bias) {
  const auto rows = static_cast<size_t>(weight.mapped().rows), cols = static_cast<size_t>(weight.mapped().cols);
  Product product = {std::vector<float>(static_cast<size_t>(n) * rows),
                     std::vector<float>(static_cast<size_t>(n) * rows)};
  for (size_t r = 0; r < rows; r++) {
    const std::vector<float> w = weight.row(static_cast<int>(r));
    for (size_t t = 0; t < static_cast<size_t>(n); t++) {
      double sum = bias.empty() ? 0 : bias[r], magnitude = std::abs(sum);
      for (size_t k = 0; k < cols; k++) {
        const double term = static_cast<double>(w[k]) * x[t * cols + k];
        sum += term;
        magnitude += std::abs(term);
      }
      product.y[t * rows + r] = static_cast<float>(sum);
      product.magnitude[t * rows + r] = static_cast<float>(magnitude);
    }
  }
  return product;
}

}  // namespace rkv::test
