// The host's side of the emulator: graphs, streams that nobody waits for, checked copies, failures on demand.
#include <cmath>

#include "emu/faults.h"
#include "gpu/check.h"
#include "kernels.h"

namespace rkv::test {
namespace {

constexpr int kN = 100;

void must(cudaError_t error) { gpu::check(error, "make a call that must succeed"); }

void check_error(cudaError_t found, cudaError_t wanted, const char* what) {
  if (found != wanted) {
    check_failed(std::string(cudaGetErrorName(found)) + " instead of " + cudaGetErrorName(wanted), "%s", what);
  }
}

struct Stream {
  cudaStream_t handle;
  Stream() { must(cudaStreamCreateWithFlags(&handle, cudaStreamNonBlocking)); }
  ~Stream() { cudaStreamDestroy(handle); }
};

/// Forgets failures on demand when a test ends, whatever way.
struct Reset {
  ~Reset() {
    rkv_emu_reset();
    cudaGetLastError();
  }
};

}  // namespace

GPU_TEST("emulator: a graph replays with the contents of now") {
  const Stream stream;
  const DeviceArray<float> x(std::vector<float>(kN, 1.0f)), copy(kN);
  const DeviceArray<int> count(1);
  int* pinned;
  must(cudaMallocHost(&pinned, sizeof(int)));

  cudaGraph_t graph;
  cudaGraphExec_t exec;
  must(cudaStreamBeginCapture(stream.handle, cudaStreamCaptureModeThreadLocal));
  must(cudaMemcpyAsync(count.data(), pinned, sizeof(int), cudaMemcpyHostToDevice, stream.handle));
  must(cudaMemsetAsync(copy.data(), 0, kN * sizeof(float), stream.handle));
  must(add_to(x.data(), count.data(), kN, 0.5f, stream.handle));
  must(cudaMemcpyAsync(copy.data(), x.data(), kN * sizeof(float), cudaMemcpyDeviceToDevice, stream.handle));
  must(cudaStreamEndCapture(stream.handle, &graph));
  check_close(x.download(), std::vector<float>(kN, 1.0f), 0, "a capture runs nothing");
  must(cudaGraphInstantiate(&exec, graph));
  must(cudaGraphDestroy(graph));

  std::vector<float> want(kN, 1.0f);
  for (int n : {kN, 3, 50}) {
    *pinned = n;
    must(cudaGraphLaunch(exec, stream.handle));
    must(cudaStreamSynchronize(stream.handle));
    for (int i = 0; i < n; i++) want[i] += 0.5f;
    check_close(copy.download(), want, 0, "a replay reads the device's memory of now");
  }
  must(cudaGraphExecDestroy(exec));
  must(cudaFreeHost(pinned));
}

GPU_TEST("emulator: a capture refuses what waits or allocates") {
  const Stream stream;
  const DeviceArray<float> x(kN);
  std::vector<float> pageable(kN);
  const auto refused = [&](const char* what, auto&& call) {
    must(cudaStreamBeginCapture(stream.handle, cudaStreamCaptureModeGlobal));
    check_true(call() != cudaSuccess, "%s: refused in a capture", what);
    cudaGraph_t graph;
    check_error(cudaStreamEndCapture(stream.handle, &graph), cudaErrorStreamCaptureInvalidated, what);
  };
  refused("a synchronization", [&] { return cudaStreamSynchronize(stream.handle); });
  refused("an allocation", [&] {
    void* p;
    return cudaMalloc(&p, 4);
  });
  refused("a pageable copy",
          [&] { return cudaMemcpyAsync(pageable.data(), x.data(), 4, cudaMemcpyDeviceToHost, stream.handle); });
  cudaGetLastError();
}

GPU_TEST("emulator: a copy that nobody waited for does not show") {
  const Stream stream;
  const DeviceArray<float> x(std::vector<float>(kN, 2.0f));
  float* pinned;
  must(cudaMallocHost(&pinned, sizeof(float)));
  *pinned = 2.0f;
  cudaEvent_t done;
  must(cudaEventCreate(&done));
  must(cudaMemcpyAsync(pinned, x.data(), sizeof(float), cudaMemcpyDeviceToHost, stream.handle));
  must(cudaEventRecord(done, stream.handle));
  check_true(std::isnan(*pinned), "a copy that nobody waited for is hidden");
  check_error(cudaEventQuery(done), cudaErrorNotReady, "an event before it happened");
  must(cudaEventSynchronize(done));
  check_equal(*pinned, 2.0f, "a copy that was waited for");
  must(cudaEventDestroy(done));
  must(cudaFreeHost(pinned));
}

GPU_TEST("emulator: copies stay inside their memory") {
  const DeviceArray<float> x(kN);
  std::vector<float> host(kN);
  check_error(cudaMemcpy(host.data(), host.data(), 4, cudaMemcpyDeviceToHost), cudaErrorInvalidValue, "wrong kind");
  check_error(cudaMemcpy(x.data(), host.data(), kN * 4 + 4, cudaMemcpyHostToDevice), cudaErrorInvalidValue, "too long");
  check_error(cudaMemset(x.data() + kN - 1, 0, 8), cudaErrorInvalidValue, "memset beyond the end");
  cudaGetLastError();
}

GPU_TEST("emulator: calls fail on demand") {
  const Reset reset;
  const DeviceArray<float> x(kN), out(1);
  void* p;
  rkv_emu_fail_malloc(2, cudaErrorMemoryAllocation);
  must(cudaMalloc(&p, 4));
  must(cudaFree(p));
  check_error(cudaMalloc(&p, 4), cudaErrorMemoryAllocation, "the second cudaMalloc");
  check_error(cudaGetLastError(), cudaErrorMemoryAllocation, "the last error");
  check_error(cudaGetLastError(), cudaSuccess, "the last error, read");

  rkv_emu_limit_memory(1 << 20);
  check_error(cudaMalloc(&p, 1 << 20), cudaErrorMemoryAllocation, "beyond the limit");
  rkv_emu_fail_launch(1, cudaErrorLaunchOutOfResources);
  check_error(sum_rows(x.data(), 1, kN, out.data(), nullptr), cudaErrorLaunchOutOfResources, "the next launch");

  rkv_emu_fail_launch(1, cudaErrorIllegalAddress);
  check_error(sum_rows(x.data(), 1, kN, out.data(), nullptr), cudaSuccess, "a launch that fails later");
  check_error(cudaDeviceSynchronize(), cudaErrorIllegalAddress, "waiting for it");
  check_error(cudaMalloc(&p, 4), cudaErrorIllegalAddress, "every call after it");
  rkv_emu_reset();
  check_error(cudaGetLastError(), cudaErrorIllegalAddress, "the last error after all");
  must(cudaMalloc(&p, 4));
  must(cudaFree(p));
}

GPU_TEST("emulator: a launch that no device could run fails") {
  const DeviceArray<float> x(kN), out(1);
  check_error(sum_rows(x.data(), 0, kN, out.data(), nullptr), cudaErrorInvalidConfiguration, "an empty grid");
  check_error(cudaGetLastError(), cudaErrorInvalidConfiguration, "its last error");
}

}  // namespace rkv::test
