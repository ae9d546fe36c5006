#include "gpu/launcher.h"

#include <algorithm>
#include <cstring>

namespace rkv::gpu {
namespace {

constexpr size_t kFirstStaging = 1 << 20;
constexpr size_t kAlignment = 256;

bool same(const dim3& a, const dim3& b) { return a.x == b.x && a.y == b.y && a.z == b.z; }

bool same(const Work& a, const Work& b) {
  return a.kernel == b.kernel && a.params == b.params && a.shared_bytes == b.shared_bytes && same(a.grid, b.grid) &&
         same(a.block, b.block);
}

}  // namespace

Launcher::Launcher(int device) : device_(device) {
  check(cudaSetDevice(device_), "use the device");
  cudaDeviceProp properties;
  check(cudaGetDeviceProperties(&properties, device_), "describe the device");
  multiprocessors_ = properties.multiProcessorCount;
  check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "create a stream");
  grow_staging(kFirstStaging);
}

Launcher::~Launcher() {
  cudaStreamSynchronize(stream_);
  drop_graph();
  cudaFreeHost(host_);
  cudaFree(device_memory_);
  cudaStreamDestroy(stream_);
}

void Launcher::grow_staging(size_t bytes) {
  uint8_t *host = nullptr, *memory = nullptr;
  check(cudaMallocHost(&host, bytes), "allocate pinned memory");
  if (const cudaError_t error = cudaMalloc(&memory, bytes); error != cudaSuccess) {
    cudaFreeHost(host);
    check(error, "allocate device memory");
  }
  // Addresses change: what was recorded in this step moves along, what was captured before is void.
  if (used_ > 0) std::memcpy(host, host_, used_);
  for (Work& work : work_) {
    work.params = memory + (static_cast<const uint8_t*>(work.params) - device_memory_);
  }
  drop_graph();
  cudaFreeHost(host_);
  cudaFree(device_memory_);
  host_ = host, device_memory_ = memory, capacity_ = bytes;
}

const void* Launcher::stage_bytes(const void* values, size_t bytes) {
  const size_t end = used_ + (bytes + kAlignment - 1) / kAlignment * kAlignment;
  if (end > capacity_) {
    // Inside a step nothing has been enqueued, but addresses were handed out: begin_step() makes room for them.
    if (in_step_) fail(RKV_E_INTERNAL, "a decode step stages more than %zu bytes", capacity_);
    wait();
    if (end - used_ > capacity_) grow_staging(2 * (end - used_));
    return stage_bytes(values, bytes);
  }
  const size_t at = used_;
  std::memcpy(host_ + at, values, bytes);
  used_ = end;
  if (!in_step_) {
    check(cudaMemcpyAsync(device_memory_ + at, host_ + at, bytes, cudaMemcpyHostToDevice, stream_), "copy parameters");
    copied_ = used_;
  }
  return device_memory_ + at;
}

void Launcher::add(const Work& work) {
  if (in_step_ && !flushed_) {
    work_.push_back(work);
  } else {
    check(work.start(work, stream_), "start a kernel");
  }
}

void Launcher::begin_step(bool repeatable) {
  wait();
  in_step_ = true, repeatable_ = repeatable, flushed_ = false;
}

void Launcher::flush() {
  if (!in_step_ || flushed_) return;
  check(cudaMemcpyAsync(device_memory_, host_, used_, cudaMemcpyHostToDevice, stream_), "copy parameters");
  copied_ = used_;
  const bool as_before =
      work_.size() == last_.size() &&
      std::equal(work_.begin(), work_.end(), last_.begin(), [](const Work& a, const Work& b) { return same(a, b); });
  if (!as_before) drop_graph();
  if (repeatable_ && as_before && graph_ == nullptr) capture();  // it came twice: it will come again
  if (repeatable_ && graph_ != nullptr) {
    check(cudaGraphLaunch(graph_, stream_), "replay a decode step");
    replays_++;
  } else {
    start_all();
  }
  last_.swap(work_);
  work_.clear();
  flushed_ = true;
}

void Launcher::start_all() {
  for (const Work& work : work_) check(work.start(work, stream_), "start a kernel");
}

void Launcher::capture() {
  check(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal), "capture a decode step");
  cudaGraph_t graph = nullptr;
  try {
    start_all();
  } catch (...) {
    cudaStreamEndCapture(stream_, &graph);
    if (graph != nullptr) cudaGraphDestroy(graph);
    throw;
  }
  check(cudaStreamEndCapture(stream_, &graph), "capture a decode step");
  const cudaError_t error = cudaGraphInstantiate(&graph_, graph, 0);
  cudaGraphDestroy(graph);
  if (error != cudaSuccess) graph_ = nullptr;
  check(error, "instantiate a decode step");
}

void Launcher::drop_graph() {
  if (graph_ != nullptr) cudaGraphExecDestroy(graph_);
  graph_ = nullptr;
  last_.clear();
}

void Launcher::wait() {
  flush();
  check(cudaStreamSynchronize(stream_), "finish the work on the device");
  if (!in_step_) used_ = copied_ = 0;
}

void Launcher::end_step() {
  wait();
  in_step_ = false;
  used_ = copied_ = 0;
}

}  // namespace rkv::gpu
