// Read bandwidth of the device's memory: the roof that decode steps are compared with.
#include <algorithm>

#include "core/backend.h"
#include "gpu/device.h"
#include "gpu/launcher.h"
#include "gpu/scratch.h"

namespace rkv::gpu {
namespace {

struct ReadParams {
  const uint4* data;
  int64_t count;   // of 16-byte words
  unsigned* sink;  // written only if a sum comes out as no sum will: keeps the loads alive
};

constexpr int kThreads = 512;

// Launch: 4 blocks per multiprocessor, each thread strides through the buffer with 16-byte loads. Reads `count` * 16
// bytes.
__global__ void read_kernel(const ReadParams* params) {
  const ReadParams p = *params;
  unsigned sum = 0;
  const int64_t stride = static_cast<int64_t>(gridDim.x) * kThreads;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x; i < p.count; i += stride) {
    const uint4 word = p.data[i];
    sum += word.x ^ word.y ^ word.z ^ word.w;
  }
  if (sum == 0x9e3779b9u) *p.sink = sum;
}

/// An event that is destroyed with its scope.
struct Event {
  cudaEvent_t event = nullptr;
  Event() { check(cudaEventCreate(&event), "create an event"); }
  ~Event() { cudaEventDestroy(event); }
};

}  // namespace

double bandwidth(int index, int64_t bytes, int rounds) {
  require_usable(index);
  Launcher launcher(index);
  Scratch memory(launcher.allocator());
  const int64_t count = bytes / 16;
  auto* data = memory.get<uint4>(static_cast<size_t>(count) + 1);
  check(cudaMemsetAsync(data, 0, static_cast<size_t>(count + 1) * 16, launcher.stream()), "clear memory");
  const ReadParams params = {data, count, reinterpret_cast<unsigned*>(data + count)};
  double best = 0;
  const Event start, end;
  for (int round = 0; round <= rounds; round++) {  // the first one warms up
    check(cudaEventRecord(start.event, launcher.stream()), "record an event");
    launcher.run(read_kernel, 4 * launcher.multiprocessors(), kThreads, 0, params);
    check(cudaEventRecord(end.event, launcher.stream()), "record an event");
    launcher.wait();
    float ms = 0;
    check(cudaEventElapsedTime(&ms, start.event, end.event), "read an event");
    if (round > 0) best = std::max(best, static_cast<double>(bytes) / std::max(ms, 1e-6f) * 1e3);
  }
  return best;
}

}  // namespace rkv::gpu
