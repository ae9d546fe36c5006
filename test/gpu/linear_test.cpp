// Projections against f64 sums over dequantised weights. GEMV keeps activations exact, so it is held to the roundings
// of f32 sums; the bf16 GEMM to those of its factors.
#include "gpu/kernels.h"
#include "weights.h"

namespace rkv::test {
namespace {

// Sums of some hundred f32 terms lose less than this of the sum of magnitudes.
constexpr float kExact = 2e-6f;
// Two factors of 8 bits each lose up to 2^-9 of themselves, rarely all in one direction.
constexpr float kBf16 = 4e-3f;

/// y [n, rows] of every weight by one call; the weights share x.
std::vector<std::vector<float>> run_linear(const std::vector<float>& x, int n,
                                           const std::vector<const TestWeight*>& weights,
                                           const std::vector<std::vector<float>>& biases, LinearUse use) {
  DeviceArray<float> device_x(x);
  std::vector<std::unique_ptr<DeviceArray<float>>> y, bias;
  std::vector<Projection> projections;
  for (size_t i = 0; i < weights.size(); i++) {
    const Weight& packed = weights[i]->packed();
    y.push_back(std::make_unique<DeviceArray<float>>(static_cast<size_t>(n) * static_cast<size_t>(packed.rows)));
    bias.push_back(std::make_unique<DeviceArray<float>>(biases[i]));
    projections.push_back({&packed, biases[i].empty() ? nullptr : bias.back()->data(), y.back()->data()});
  }
  gpu::linear(launcher(), scratch(), device_x.data(), n, projections, use);
  std::vector<std::vector<float>> results;
  for (const auto& result : y) results.push_back(result->download());
  return results;
}

struct Shape {
  int n, rows, cols;
};

void check_linear(DType dtype, Shape shape, LinearUse use, float tolerance) {
  const auto [n, rows, cols] = shape;
  const TestWeight weight(dtype, rows, cols, static_cast<uint64_t>(rows));
  const std::vector<float> x = random_floats(static_cast<size_t>(n) * static_cast<size_t>(cols), 5);
  const std::vector<float> y = run_linear(x, n, {&weight}, {{}}, use)[0];
  check_sums(y, multiply(x, n, weight, {}), tolerance, "%s [%d, %d], %d tokens", dtype_name(dtype), rows, cols, n);
}

GPU_TEST("linear of one token multiplies every type") {
  for (DType dtype : kAllTypes) {
    for (Shape shape : {Shape{1, 1, 256}, {1, 3, 512}, {1, 35, 768}}) {
      check_linear(dtype, shape, LinearUse::kDecode, kExact);
    }
  }
}

GPU_TEST("linear of a few tokens multiplies every type") {
  for (DType dtype : kAllTypes) {
    for (int n : {2, 3, 4, 7, 8}) check_linear(dtype, {n, 37, 256}, LinearUse::kDecode, kExact);
  }
}

GPU_TEST("linear of few tokens takes rows of any number of blocks") {
  for (DType dtype : {RKV_Q8_0, RKV_Q4_0, RKV_Q4_1, RKV_Q5_0, RKV_Q5_1}) {
    for (int cols : {32, 96, 576}) check_linear(dtype, {1, 9, cols}, LinearUse::kDecode, kExact);
  }
}

GPU_TEST("linear of few tokens takes plain rows of any length") {
  for (DType dtype : {RKV_F32, RKV_F16, RKV_BF16}) {
    for (int cols : {1, 7, 36, 130, 264}) check_linear(dtype, {2, 5, cols}, LinearUse::kDecode, kExact);
  }
}

GPU_TEST("linear goes through long rows in stretches") {
  // 8192 numbers of one token fit into shared memory at a time, 1024 of eight.
  for (DType dtype : {RKV_BF16, RKV_Q4_0}) {
    check_linear(dtype, {1, 3, 8192 + 96}, LinearUse::kDecode, kExact);
    check_linear(dtype, {5, 3, 2 * 1024 + 32}, LinearUse::kDecode, kExact);
  }
  check_linear(RKV_Q6_K, {8, 3, 2 * 1024 + 256}, LinearUse::kDecode, kExact);
}

GPU_TEST("linear gives a token the same bits whatever else is in a decode call") {
  constexpr int kMost = 19, kCols = 1280;
  const std::vector<float> x = random_floats(kMost * kCols, 11);
  for (DType dtype : kAllTypes) {
    const TestWeight weight(dtype, 18, kCols, 12);
    std::vector<float> alone;
    for (int i = 0; i < kMost; i++) {
      const std::vector<float> one(x.begin() + i * kCols, x.begin() + (i + 1) * kCols);
      const std::vector<float> y = run_linear(one, 1, {&weight}, {{}}, LinearUse::kDecode)[0];
      alone.insert(alone.end(), y.begin(), y.end());
    }
    for (int n : {2, 3, 5, 6, 8, kMost}) {
      const std::vector<float> first(x.begin(), x.begin() + n * kCols);
      const std::vector<float> wanted(alone.begin(), alone.begin() + n * 18);
      check_equal(run_linear(first, n, {&weight}, {{}}, LinearUse::kDecode)[0], wanted, "%s, %d tokens",
                  dtype_name(dtype), n);
    }
  }
}

/// Several projections of one x: types and heights mixed, some with a bias.
void check_several(const std::vector<DType>& types, int n, int cols, LinearUse use, float tolerance) {
  const std::vector<float> x = random_floats(static_cast<size_t>(n * cols), 21);
  std::vector<std::unique_ptr<TestWeight>> owned;
  std::vector<const TestWeight*> weights;
  std::vector<std::vector<float>> biases;
  for (size_t i = 0; i < types.size(); i++) {
    const int rows = 20 + 33 * static_cast<int>(i);
    owned.push_back(std::make_unique<TestWeight>(types[i], rows, cols, 30 + i));
    weights.push_back(owned.back().get());
    biases.push_back(i % 3 != 1 ? random_floats(static_cast<size_t>(rows), i) : std::vector<float>());
  }
  const auto found = run_linear(x, n, weights, biases, use);
  for (size_t i = 0; i < types.size(); i++) {
    check_sums(found[i], multiply(x, n, *weights[i], biases[i]), tolerance, "projection %zu, %s, %d tokens", i,
               dtype_name(types[i]), n);
  }
}

GPU_TEST("linear does projections of mixed types and heights in one call") {
  const std::vector<DType> types = {RKV_Q4_K, RKV_Q6_K, RKV_BF16, RKV_F32, RKV_Q8_0, RKV_Q4_K};
  for (int n : {1, 2, 8}) check_several(types, n, 256, LinearUse::kDecode, kExact);
  check_several(types, 17, 256, LinearUse::kPrefill, kBf16);
}

GPU_TEST("linear of a prompt multiplies every type") {
  for (DType dtype : kAllTypes) {
    const bool exact = dtype == RKV_F32 || dtype == RKV_F16;
    for (Shape shape : {Shape{9, 5, 256}, {64, 130, 256}, {129, 33, 512}}) {
      check_linear(dtype, shape, LinearUse::kPrefill, exact ? kExact : kBf16);
    }
  }
}

GPU_TEST("linear of a prompt takes rows of any number of blocks") {
  for (DType dtype : {RKV_Q8_0, RKV_Q4_0, RKV_Q4_1, RKV_Q5_0, RKV_Q5_1}) {
    for (int cols : {32, 96, 160}) check_linear(dtype, {10, 131, cols}, LinearUse::kPrefill, kBf16);
  }
}

GPU_TEST("linear of a prompt takes plain rows of any length") {
  for (DType dtype : {RKV_F32, RKV_F16, RKV_BF16}) {
    for (int cols : {1, 7, 36, 130, 264}) {
      check_linear(dtype, {65, 67, cols}, LinearUse::kPrefill, dtype == RKV_BF16 ? kBf16 : kExact);
    }
  }
}

GPU_TEST("linear of a prompt is exact where bf16 is") {
  // Small integers: every product and sum is exact, so that an element that is misplaced shows.
  constexpr int kRows = 140, kCols = 96;
  for (int n : {33, 150}) {
    const std::vector<int32_t> random = random_ints(static_cast<size_t>(kCols * std::max(n, kRows)), 41, 17);
    std::vector<float> x, w;
    for (int i = 0; i < n * kCols; i++) x.push_back(static_cast<float>(random[static_cast<size_t>(i)] - 8));
    for (int i = 0; i < kRows * kCols; i++) w.push_back(static_cast<float>(random[static_cast<size_t>(i)] % 5 - 2));
    std::vector<float> wanted(static_cast<size_t>(n) * kRows);
    for (int t = 0; t < n; t++) {
      for (int r = 0; r < kRows; r++) {
        for (int k = 0; k < kCols; k++) wanted[t * kRows + r] += x[t * kCols + k] * w[r * kCols + k];
      }
    }
    const std::vector<uint16_t> bf16 = to_bf16(w);
    const auto* bytes = reinterpret_cast<const uint8_t*>(bf16.data());
    const Weight mapped = {RKV_BF16, kRows, kCols, bytes};
    std::vector<uint8_t> packed(gpu::packed_bytes(mapped));
    gpu::pack_weight(mapped, packed.data());
    DeviceArray<uint8_t> device(packed);
    DeviceArray<float> device_x(x), y(wanted.size());
    const Weight weight = {RKV_BF16, kRows, kCols, device.data()};
    const Projection projection = {&weight, nullptr, y.data()};
    gpu::linear(launcher(), scratch(), device_x.data(), n, {&projection, 1}, LinearUse::kPrefill);
    check_equal(y.download(), wanted, "%d tokens", n);
  }
}

GPU_TEST("linear of a prompt of few tokens does not round to bf16") {
  for (DType dtype : {RKV_BF16, RKV_Q4_K}) check_linear(dtype, {8, 20, 256}, LinearUse::kPrefill, kExact);
}

GPU_TEST("linear of no tokens does nothing") { check_linear(RKV_Q4_0, {0, 4, 32}, LinearUse::kDecode, kExact); }

GPU_TEST("linear: packed weights take as many bytes as mapped ones, up to padding") {
  for (DType dtype : kAllTypes) {
    const Weight weight = {dtype, 4096, 4096, nullptr};
    check_equal(static_cast<int64_t>(gpu::packed_bytes(weight)), weight.bytes(), "%s", dtype_name(dtype));
    const Weight odd = {dtype, 3, 256, nullptr};
    const int64_t extra = static_cast<int64_t>(gpu::packed_bytes(odd)) - odd.bytes();
    check_true(extra >= 0 && extra <= row_bytes(dtype, 256) + 4 * 128, "%s: %lld bytes more", dtype_name(dtype),
               static_cast<long long>(extra));
  }
}

}  // namespace
}  // namespace rkv::test
