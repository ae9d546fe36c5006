#include "core/backend.h"

#include <algorithm>
#include <cstring>

#include "core/failure.h"

namespace rkv {
namespace {

void check_index(int index) {
  if (index < 0 || index >= device_count()) {
    fail(RKV_E_ARG, "device index must be between 0 and %d: found %d", device_count() - 1, index);
  }
}

}  // namespace

#ifdef RKV_WITH_CUDA

// Without a usable driver one entry stays, which says what is wrong.
int device_count() { return 1 + std::max(1, gpu::count()); }

#else

int device_count() { return 2; }

namespace gpu {

constexpr const char* kNoCuda = "this build has no CUDA code (make cuda builds it)";

void describe(int, rkv_device_desc* out) {
  out->kind = RKV_CUDA;
  std::strcpy(out->name, "CUDA");
  std::strcpy(out->detail, kNoCuda);
}
std::unique_ptr<Ops> make_ops(int) { fail(RKV_E_DEVICE, "cannot use CUDA: %s", kNoCuda); }
double bandwidth(int, int64_t, int) { fail(RKV_E_DEVICE, "cannot use CUDA: %s", kNoCuda); }

}  // namespace gpu

#endif

void describe_device(int index, rkv_device_desc* out) {
  check_index(index);
  index == 0 ? cpu::describe(out) : gpu::describe(index - 1, out);
}

std::unique_ptr<Ops> make_ops(int index, const rkv_model_config& config) {
  check_index(index);
  return index == 0 ? cpu::make_ops(config.threads, config.cpu_level) : gpu::make_ops(index - 1);
}

double device_bandwidth(int index, int threads, int64_t bytes, int rounds) {
  check_index(index);
  return index == 0 ? cpu::bandwidth(threads, bytes, rounds) : gpu::bandwidth(index - 1, bytes, rounds);
}

}  // namespace rkv
