#include "check.h"
#include "gpu/kernels.h"

namespace rkv::test {
namespace {

constexpr float kTolerance = 2e-6f;
constexpr float kEps = 1e-5f;

std::vector<float> wanted_norm(const std::vector<float>& x, const std::vector<float>& weight, int n, int dim) {
  std::vector<float> y(x.size());
  cpu().rms_norm(x.data(), weight.data(), kEps, n, dim, y.data());
  return y;
}

GPU_TEST("rms_norm scales every row, short and long ones") {
  for (const int dim : {1, 8, 31, 33, 64, 80, 128, 256, 512, 513, 516, 576, 960, 4096, 5120}) {
    for (const int n : {1, 7, 8, 9}) {
      const std::vector<float> x = random_floats(static_cast<size_t>(n) * dim, dim + n, -3, 3);
      const std::vector<float> weight = random_floats(dim, dim);
      const DeviceArray<float> device_x(x), device_weight(weight), y(x.size());
      gpu::rms_norm(launcher(), device_x.data(), device_weight.data(), kEps, n, dim, y.data());
      check_close(y.download(), wanted_norm(x, weight, n, dim), kTolerance, "%d rows of %d", n, dim);
      check_equal(device_x.download(), x, "input of %d rows of %d", n, dim);
    }
  }
}

GPU_TEST("rms_norm works in place and on addresses that are not aligned to 16 bytes") {
  for (const int dim : {128, 1024}) {
    const int n = 3, offset = 1;
    const std::vector<float> x = random_floats(static_cast<size_t>(n) * dim, 1);
    const std::vector<float> weight = random_floats(dim, 2);
    std::vector<float> shifted(offset, 9.0f);
    shifted.insert(shifted.end(), x.begin(), x.end());
    std::vector<float> wanted = wanted_norm(x, weight, n, dim);
    wanted.insert(wanted.begin(), offset, 9.0f);
    const DeviceArray<float> device_x(shifted), device_weight(weight);
    float* row = device_x.data() + offset;
    gpu::rms_norm(launcher(), row, device_weight.data(), kEps, n, dim, row);
    check_close(device_x.download(), wanted, kTolerance, "%d rows of %d", n, dim);
  }
}

GPU_TEST("rms_norm of zeros is zero, and large rows do not overflow") {
  for (const int dim : {64, 2048}) {
    const std::vector<float> weight(dim, 1.0f);
    for (const float value : {0.0f, 1e-20f, 3e15f}) {
      const std::vector<float> x(dim, value);
      const DeviceArray<float> device_x(x), device_weight(weight);
      gpu::rms_norm(launcher(), device_x.data(), device_weight.data(), kEps, 1, dim, device_x.data());
      check_close(device_x.download(), wanted_norm(x, weight, 1, dim), kTolerance, "row of %d times %g", dim,
                  static_cast<double>(value));
    }
  }
}

GPU_TEST("rms_norm of no rows does nothing") {
  const DeviceArray<float> x(std::vector<float>{1, 2, 3, 4});
  gpu::rms_norm(launcher(), x.data(), x.data(), kEps, 0, 4, x.data());
  check_equal(x.download(), std::vector<float>{1, 2, 3, 4}, "rows");
}

}  // namespace
}  // namespace rkv::test
