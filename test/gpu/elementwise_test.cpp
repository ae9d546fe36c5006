#include "check.h"
#include "gpu/kernels.h"

namespace rkv::test {
namespace {

constexpr int64_t kCounts[] = {0, 1, 3, 4, 5, 31, 33, 255, 256, 1023, 1024, 1025, 4099};

/// `values` after `offset` others: their address is not aligned to 16 bytes for an odd offset.
std::vector<float> behind(const std::vector<float>& values, int offset) {
  std::vector<float> all(offset, 7.0f);
  all.insert(all.end(), values.begin(), values.end());
  return all;
}

GPU_TEST("add adds, aligned or not") {
  for (const int64_t count : kCounts) {
    for (const int offset : {0, 1}) {
      const std::vector<float> y = random_floats(count, count + 1);
      std::vector<float> wanted = random_floats(count, count);
      const DeviceArray<float> device_x(behind(wanted, offset)), device_y(y);
      gpu::add(launcher(), device_x.data() + offset, device_y.data(), count);
      cpu().add(wanted.data(), y.data(), count);
      check_equal(device_x.download(), behind(wanted, offset), "%d elements", static_cast<int>(count));
      check_equal(device_y.download(), y, "second operand");
    }
  }
}

GPU_TEST("silu_mul multiplies by the gate, aligned or not") {
  for (const int64_t count : kCounts) {
    for (const int offset : {0, 1}) {
      const std::vector<float> up = random_floats(count, count + 1);
      std::vector<float> wanted = random_floats(count, count, -20, 20);
      const DeviceArray<float> gate(behind(wanted, offset)), device_up(up);
      gpu::silu_mul(launcher(), gate.data() + offset, device_up.data(), count);
      cpu().silu_mul(wanted.data(), up.data(), count);
      check_close(gate.download(), behind(wanted, offset), 2e-6f, "%d elements", static_cast<int>(count));
    }
  }
}

GPU_TEST("silu_mul stays finite for large gates") {
  const std::vector<float> up(6, 1.0f);
  std::vector<float> wanted = {-1e30f, -1000, -89, 89, 1000, 1e30f};
  const DeviceArray<float> gate(wanted), device_up(up);
  gpu::silu_mul(launcher(), gate.data(), device_up.data(), 6);
  cpu().silu_mul(wanted.data(), up.data(), 6);
  check_close(gate.download(), wanted, 2e-6f, "gates");
}

GPU_TEST("copy moves every byte and none more") {
  for (const size_t bytes : {0, 1, 15, 16, 17, 4096, 4100, 16384}) {
    for (const size_t offset : {0, 4}) {
      std::vector<uint8_t> from(bytes + offset);
      for (size_t i = 0; i < from.size(); i++) from[i] = static_cast<uint8_t>(i * 7 + 1);
      const DeviceArray<uint8_t> device_from(from), to(bytes + 8);
      gpu::copy(launcher(), to.data(), device_from.data() + offset, bytes);
      std::vector<uint8_t> wanted(bytes + 8, 0xff);
      std::copy(from.begin() + static_cast<int64_t>(offset), from.end(), wanted.begin());
      check_equal(to.download(), wanted, "%zu bytes from %zu on", bytes, offset);
    }
  }
}

}  // namespace
}  // namespace rkv::test
