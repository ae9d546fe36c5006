#include "core/backend.h"

#include <cstring>

#include "core/failure.h"

namespace rkv {
namespace {

constexpr const char* kNoCuda = "this build has no CUDA code";

void check_index(int index) {
  if (index < 0 || index >= device_count()) {
    fail(RKV_E_ARG, "device index must be between 0 and %d: found %d", device_count() - 1, index);
  }
}

}  // namespace

int device_count() { return 2; }  // the CPU, and CUDA with the reason why it cannot be used

void describe_device(int index, rkv_device_desc* out) {
  check_index(index);
  if (index == 0) return cpu::describe(out);
  out->kind = RKV_CUDA;
  std::strcpy(out->name, "CUDA");
  std::strcpy(out->detail, kNoCuda);
}

std::unique_ptr<Ops> make_ops(int index, const rkv_model_config& config) {
  check_index(index);
  if (index != 0) fail(RKV_E_DEVICE, "cannot use device %d: %s", index, kNoCuda);
  return cpu::make_ops(config.threads, config.cpu_level);
}

double device_bandwidth(int index, int threads, int64_t bytes, int rounds) {
  check_index(index);
  if (index != 0) fail(RKV_E_DEVICE, "cannot use device %d: %s", index, kNoCuda);
  return cpu::bandwidth(threads, bytes, rounds);
}

}  // namespace rkv
