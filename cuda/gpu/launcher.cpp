#include "gpu/launcher.h"

#include <algorithm>

namespace rkv::gpu {
namespace {

// Outside a step parameters pile up until someone waits; with this much of them begin_op() does.
constexpr size_t kMostEagerBytes = 1 << 20;

bool same(const dim3& a, const dim3& b) { return a.x == b.x && a.y == b.y && a.z == b.z; }

bool same_work(const Work& a, const Work& b) {
  return a.kernel == b.kernel && a.params == b.params && a.shared_bytes == b.shared_bytes && same(a.grid, b.grid) &&
         same(a.block, b.block);
}

/// Of work with a graph. A device that has no memory for the graph itself runs the step kernel by kernel.
/// @throws Failure RKV_E_DEVICE for any other error.
bool had_memory(cudaError_t error, const char* what) {
  if (error != cudaErrorMemoryAllocation) return check(error, what), true;
  cudaGetLastError();  // handled
  return false;
}

}  // namespace

Launcher::Launcher(int device) : device_(device) {
  check(cudaSetDevice(device_), "use the device");
  cudaDeviceProp properties;
  check(cudaGetDeviceProperties(&properties, device_), "describe the device");
  multiprocessors_ = properties.multiProcessorCount;
  check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "create a stream");
}

Launcher::~Launcher() {
  cudaStreamSynchronize(stream_);
  drop_graph();
  cudaStreamDestroy(stream_);
}

void Launcher::begin_op() {
  check(cudaSetDevice(device_), "use the device");
  if (!in_step_ && staging_.used() > kMostEagerBytes) wait();
}

void Launcher::add(const Work& work) {
  if (in_step_ && !flushed_) {
    work_.push_back(work);
  } else {
    staging_.copy(stream_);
    start(work);
  }
}

void Launcher::start(const Work& work) { check(work.start(work, stream_), "start a kernel"); }

void Launcher::begin_step(bool repeatable) {
  wait();
  in_step_ = true, repeatable_ = repeatable, flushed_ = replayed_ = false;
  stages_.assign(1, {0, Stage::kLinear});
  clock_.reset();
}

void Launcher::begin_stage(Stage stage) {
  if (in_step_ && !flushed_) stages_.push_back({work_.size(), stage});
}

void Launcher::flush() {
  if (!in_step_ || flushed_) return;
  flushed_ = true;  // whatever happens now: this work is not started twice
  staging_.copy(stream_);
  const bool as_before = std::equal(work_.begin(), work_.end(), last_.begin(), last_.end(), same_work);
  if (!as_before) drop_graph();
  if (repeatable_ && as_before && graph_ == nullptr) capture();  // it came twice: it will come again
  if (repeatable_ && graph_ != nullptr) {
    clock_.mark(Stage::kLinear, stream_);
    replayed_ = had_memory(cudaGraphLaunch(graph_, stream_), "replay a decode step");
  }
  if (replayed_) {
    replays_++;
  } else {
    start_all();
  }
  clock_.stop(stream_);
  last_.swap(work_);
  work_.clear();
}

void Launcher::start_all() {
  size_t stage = 0;
  for (size_t i = 0; i <= work_.size(); i++) {
    for (; stage < stages_.size() && stages_[stage].work == i; stage++) clock_.mark(stages_[stage].stage, stream_);
    if (i < work_.size()) start(work_[i]);
  }
}

void Launcher::capture() {
  check(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal), "capture a decode step");
  cudaGraph_t graph = nullptr;
  try {
    for (const Work& work : work_) start(work);
  } catch (...) {
    cudaStreamEndCapture(stream_, &graph);
    if (graph != nullptr) cudaGraphDestroy(graph);
    throw;
  }
  check(cudaStreamEndCapture(stream_, &graph), "capture a decode step");
  const cudaError_t error = cudaGraphInstantiate(&graph_, graph, 0);
  cudaGraphDestroy(graph);
  if (error != cudaSuccess) graph_ = nullptr;
  had_memory(error, "instantiate a decode step");
}

void Launcher::drop_graph() {
  if (graph_ != nullptr) cudaGraphExecDestroy(graph_);
  graph_ = nullptr;
  last_.clear();
}

void Launcher::wait() {
  flush();
  check(cudaStreamSynchronize(stream_), "finish the work on the device");
  if (!in_step_) staging_.reset();
}

StageTimes Launcher::end_step() {
  wait();
  in_step_ = false;
  staging_.reset();
  return clock_.read(replayed_);
}

void Launcher::abandon_step() {
  cudaStreamSynchronize(stream_);
  cudaGetLastError();
  in_step_ = false;
  work_.clear();
  drop_graph();
  staging_.reset();
}

}  // namespace rkv::gpu
