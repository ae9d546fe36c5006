#include "weight_file.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <random>
#include <stdexcept>

namespace rkv::bench {
namespace {

constexpr int64_t kRepeatedBytes = 16 << 20;

/// Where a block's scales lie, and their values for numbers of deviation 1 with random bits as codes.
struct Scale {
  int offset;  // of an f16 in the block
  float value;
};
std::vector<Scale> scales_of(DType dtype) {
  // Codes of b bits deviate by about 2^b / sqrt(12) around their middle; K types multiply them by another code.
  switch (dtype) {
    case RKV_Q8_0:
      return {{0, 1 / 74.0f}};
    case RKV_Q4_0:
      return {{0, 1 / 4.6f}};
    case RKV_Q4_1:
      return {{0, 1 / 4.6f}, {2, -7.5f / 4.6f}};
    case RKV_Q5_0:
      return {{0, 1 / 9.2f}};
    case RKV_Q5_1:
      return {{0, 1 / 9.2f}, {2, -15.5f / 9.2f}};
    case RKV_Q4_K:
      return {{0, 1 / 230.0f}, {2, 7.5f / 230.0f}};
    case RKV_Q5_K:
      return {{0, 1 / 460.0f}, {2, 15.5f / 460.0f}};
    case RKV_Q6_K:
      return {{208, 1 / 1370.0f}};
    default:
      return {};
  }
}

template <class T>
void put(uint8_t* to, T value) {
  __builtin_memcpy(to, &value, sizeof value);
}

void put_plain(DType dtype, uint8_t* to, float x) {
  if (dtype == RKV_F32) put(to, x);
  if (dtype == RKV_BF16) put(to, f32_to_bf16(x));
  if (dtype == RKV_F16) put(to, static_cast<_Float16>(x));
}

}  // namespace

std::vector<uint8_t> random_blocks(DType dtype, size_t bytes, float deviation) {
  std::mt19937 random(1);
  std::vector<uint8_t> out(bytes);
  const auto step = static_cast<size_t>(block_bytes(dtype));
  const std::vector<Scale> scales = scales_of(dtype);
  if (scales.empty()) {
    std::uniform_real_distribution<float> uniform(-std::sqrt(3.0f) * deviation, std::sqrt(3.0f) * deviation);
    for (size_t at = 0; at + step <= bytes; at += step) put_plain(dtype, &out[at], uniform(random));
    return out;
  }
  for (size_t at = 0; at + 4 <= bytes; at += 4) put(&out[at], static_cast<uint32_t>(random()));
  for (size_t at = 0; at + step <= bytes; at += step) {
    for (const Scale& scale : scales) {
      put(&out[at + static_cast<size_t>(scale.offset)], static_cast<_Float16>(scale.value * deviation));
    }
  }
  return out;
}

WeightFile::WeightFile(const std::string& folder, DType dtype, int64_t bytes, float deviation, int n_ones)
    : path_(folder + "/rkv_weights_XXXXXX"), bytes_(bytes) {
  const int descriptor = mkstemp(path_.data());
  if (descriptor < 0) throw std::runtime_error("Cannot make a file of weights in " + folder);
  FILE* file = fdopen(descriptor, "wb");
  const int64_t piece = std::min(bytes, kRepeatedBytes / block_bytes(dtype) * block_bytes(dtype));
  const std::vector<uint8_t> blocks = random_blocks(dtype, static_cast<size_t>(piece), deviation);
  const std::vector<float> ones(static_cast<size_t>(n_ones), 1.0f);
  const std::vector<uint8_t> gap(static_cast<size_t>(ones_at() - bytes), 0);
  bool whole = true;
  for (int64_t at = 0; at < bytes; at += piece) {
    const auto n = static_cast<size_t>(std::min(piece, bytes - at));
    whole = whole && std::fwrite(blocks.data(), 1, n, file) == n;
  }
  whole = whole && std::fwrite(gap.data(), 1, gap.size(), file) == gap.size();
  whole = whole && std::fwrite(ones.data(), sizeof(float), ones.size(), file) == ones.size();
  whole = std::fclose(file) == 0 && whole;
  if (!whole) {
    unlink(path_.c_str());
    throw std::runtime_error("Cannot write a file of weights in " + folder);
  }
}

WeightFile::~WeightFile() { unlink(path_.c_str()); }

DType dtype_of(const std::string& name) {
  for (int t = RKV_F32; t <= RKV_Q6_K; t++) {
    if (name == dtype_name(static_cast<DType>(t))) return static_cast<DType>(t);
  }
  throw std::runtime_error("Cannot use weights of type \"" + name + "\": expected one of f32 ... q6_k");
}

}  // namespace rkv::bench
