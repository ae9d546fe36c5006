#include "emu/device.h"

#include <cstring>

#include "emu/block.h"
#include "emu/faults.h"
#include "emu/runtime.h"
#include "emu/stream.h"

namespace rkv::emu {
namespace {

std::recursive_mutex mutex;
cudaError_t lost = cudaSuccess;
thread_local cudaError_t last_error = cudaSuccess;
thread_local int current = 0;

}  // namespace

Lock::Lock() : lock_(mutex) {}

Call::Call(Kind kind) : error_(lost) {
  if (error_ == cudaSuccess) error_ = machine_error();
  if (error_ == cudaSuccess && kind == kWork) {
    error_ = injected_call_error();
    if (is_fatal(error_)) lose_device(error_);
  }
  if (error_ != cudaSuccess) last_error = error_;
}

cudaError_t Call::fail(cudaError_t error) const { return last_error = error; }

cudaError_t Call::done(cudaError_t error) const {
  if (lost != cudaSuccess) error = lost;
  if (error != cudaSuccess && error != cudaErrorNotReady) last_error = error;
  return error;
}

void lose_device(cudaError_t error) { lost = error; }
void restore_device() { lost = cudaSuccess; }
int current_device() { return current; }

}  // namespace rkv::emu

using namespace rkv::emu;

cudaError_t cudaPeekAtLastError() { return last_error; }
cudaError_t cudaGetLastError() {
  const cudaError_t error = last_error;
  const Lock lock;
  last_error = lost;
  return error;
}

const char* cudaGetErrorName(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "cudaSuccess";
    case cudaErrorInvalidValue:
      return "cudaErrorInvalidValue";
    case cudaErrorMemoryAllocation:
      return "cudaErrorMemoryAllocation";
    case cudaErrorInvalidConfiguration:
      return "cudaErrorInvalidConfiguration";
    case cudaErrorInsufficientDriver:
      return "cudaErrorInsufficientDriver";
    case cudaErrorNoDevice:
      return "cudaErrorNoDevice";
    case cudaErrorInvalidDevice:
      return "cudaErrorInvalidDevice";
    case cudaErrorInvalidResourceHandle:
      return "cudaErrorInvalidResourceHandle";
    case cudaErrorNotReady:
      return "cudaErrorNotReady";
    case cudaErrorIllegalAddress:
      return "cudaErrorIllegalAddress";
    case cudaErrorLaunchOutOfResources:
      return "cudaErrorLaunchOutOfResources";
    case cudaErrorLaunchFailure:
      return "cudaErrorLaunchFailure";
    case cudaErrorNotSupported:
      return "cudaErrorNotSupported";
    case cudaErrorStreamCaptureUnsupported:
      return "cudaErrorStreamCaptureUnsupported";
    case cudaErrorStreamCaptureInvalidated:
      return "cudaErrorStreamCaptureInvalidated";
    case cudaErrorStreamCaptureImplicit:
      return "cudaErrorStreamCaptureImplicit";
  }
  return "unrecognized error code";
}

const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "no error";
    case cudaErrorInvalidValue:
      return "invalid argument";
    case cudaErrorMemoryAllocation:
      return "out of memory";
    case cudaErrorInvalidConfiguration:
      return "invalid configuration argument";
    case cudaErrorInsufficientDriver:
      return "CUDA driver version is insufficient for CUDA runtime version";
    case cudaErrorNoDevice:
      return "no CUDA-capable device is detected";
    case cudaErrorInvalidDevice:
      return "invalid device ordinal";
    case cudaErrorInvalidResourceHandle:
      return "invalid resource handle";
    case cudaErrorNotReady:
      return "device not ready";
    case cudaErrorIllegalAddress:
      return "an illegal memory access was encountered";
    case cudaErrorLaunchOutOfResources:
      return "too many resources requested for launch";
    case cudaErrorLaunchFailure:
      return "unspecified launch failure";
    case cudaErrorNotSupported:
      return "operation not supported";
    case cudaErrorStreamCaptureUnsupported:
      return "operation not permitted when stream is capturing";
    case cudaErrorStreamCaptureInvalidated:
      return "operation failed due to a previous error during capture";
    case cudaErrorStreamCaptureImplicit:
      return "operation would make the legacy stream depend on a capturing stream";
  }
  return "unrecognized error code";
}

cudaError_t cudaGetDeviceCount(int* count) {
  const Call call;
  *count = call.ok() ? machine().devices : 0;
  return call.error();
}

cudaError_t cudaGetDevice(int* device) {
  const Call call;
  *device = current;
  return call.error();
}

cudaError_t cudaSetDevice(int device) {
  const Call call;
  if (!call.ok()) return call.error();
  if (device < 0 || device >= machine().devices) return call.fail(cudaErrorInvalidDevice);
  current = device;
  return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  const Call call;
  if (!call.ok()) return call.error();
  if (device < 0 || device >= machine().devices) return call.fail(cudaErrorInvalidDevice);
  *properties = {};
  std::strcpy(properties->name, "CUDA emulator");
  properties->totalGlobalMem = memory_limit();
  properties->sharedMemPerBlock = Block::kMaxStaticShared;
  properties->sharedMemPerBlockOptin = Block::kMaxShared;
  properties->sharedMemPerMultiprocessor = Block::kMaxShared + 1024;
  properties->regsPerBlock = 65536;
  properties->warpSize = 32;
  properties->maxThreadsPerBlock = Block::kMaxThreads;
  properties->maxThreadsPerMultiProcessor = 2048;
  properties->major = machine().capability / 10;
  properties->minor = machine().capability % 10;
  properties->multiProcessorCount = 4;  // few, so that grids made for the device stay small
  properties->l2CacheSize = 4 << 20;
  properties->memoryBusWidth = 256;
  return call.error();
}

cudaError_t cudaDriverGetVersion(int* version) {
  const Lock lock;
  *version = machine().driver;
  return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = Machine{}.driver;
  return cudaSuccess;
}

cudaError_t cudaDeviceSynchronize() {
  const Call call;
  if (!call.ok()) return call.error();
  if (const cudaError_t error = forbid_in_capture(); error != cudaSuccess) return call.fail(error);
  run_all_streams();
  return call.done(cudaSuccess);
}
