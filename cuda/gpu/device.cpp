#include "gpu/device.h"

#include <cstdio>

#include "gpu/errors.h"

namespace rkv::gpu {
namespace {

constexpr int kOldestMajor = 8;  // mma.sync on bf16 and cp.async

/// Why the runtime sees no device at all, or empty.
void explain_absence(char* out, size_t size) {
  int devices = 0, driver = 0, runtime = 0;
  const cudaError_t error = cudaGetDeviceCount(&devices);
  cudaGetLastError();
  cudaDriverGetVersion(&driver);
  cudaRuntimeGetVersion(&runtime);
  const auto version = [](int number) { return number / 1000 + number % 1000 / 10 * 0.1; };
  if (error == cudaSuccess && devices > 0) return;
  if (error == cudaErrorInsufficientDriver && driver == 0) {
    std::snprintf(out, size, "no NVIDIA driver is installed");
  } else if (error == cudaErrorInsufficientDriver) {
    std::snprintf(out, size, "the NVIDIA driver is too old: expected one for CUDA %.1f, found CUDA %.1f",
                  version(runtime), version(driver));
  } else if (error == cudaSuccess || error == cudaErrorNoDevice) {
    std::snprintf(out, size, "the NVIDIA driver sees no device");
  } else {
    std::snprintf(out, size, "the NVIDIA driver fails: %s", cudaGetErrorString(error));
  }
}

}  // namespace

int count() {
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess) {
    cudaGetLastError();
    return 0;
  }
  return devices;
}

void describe(int index, rkv_device_desc* out) {
  out->kind = RKV_CUDA;
  std::snprintf(out->name, sizeof out->name, "CUDA");
  explain_absence(out->detail, sizeof out->detail);
  if (out->detail[0] != '\0') return;
  cudaDeviceProp properties;
  if (const cudaError_t error = cudaGetDeviceProperties(&properties, index); error != cudaSuccess) {
    std::snprintf(out->detail, sizeof out->detail, "the device cannot be described: %s", cudaGetErrorString(error));
    cudaGetLastError();
    return;
  }
  std::snprintf(out->name, sizeof out->name, "%.127s", properties.name);
  std::snprintf(out->arch, sizeof out->arch, "sm_%d%d", properties.major, properties.minor);
  out->threads = properties.multiProcessorCount;
  out->memory_total = static_cast<int64_t>(properties.totalGlobalMem);
  if (properties.major < kOldestMajor) {
    std::snprintf(out->detail, sizeof out->detail, "compute capability must be at least %d.0: found %d.%d",
                  kOldestMajor, properties.major, properties.minor);
    return;
  }
  size_t free_bytes = 0, total = 0;
  cudaError_t error = cudaSetDevice(index);
  if (error == cudaSuccess) error = cudaMemGetInfo(&free_bytes, &total);
  if (error != cudaSuccess) {
    // A device that is full has no room for what CUDA itself needs.
    const char* reason = error == cudaErrorMemoryAllocation ? "too little memory is free" : cudaGetErrorString(error);
    std::snprintf(out->detail, sizeof out->detail, "the device cannot be used: %s", reason);
    cudaGetLastError();
    return;
  }
  out->memory_free = static_cast<int64_t>(free_bytes);
  out->usable = 1;
}

void require_usable(int index) {
  rkv_device_desc desc = {};
  describe(index, &desc);
  if (desc.usable == 0) fail(RKV_E_DEVICE, "cannot use CUDA device %d: %s", index, desc.detail);
}

}  // namespace rkv::gpu
