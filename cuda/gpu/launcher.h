// How ops hand work to the device: every kernel takes one pointer to its parameters in device memory.
//
// Outside a decode step work is enqueued at once. Inside one it is recorded and enqueued when the step's results are
// wanted; a step that launches the same kernels in the same shapes as the one before is replayed as a CUDA graph, and
// only its parameters are copied anew. That is why kernels read what changes from step to step (lengths, pointers,
// positions) from their parameters, and why grids must not follow every single token: round them up.
#pragma once

#include <span>
#include <type_traits>
#include <vector>

#include "gpu/allocator.h"
#include "gpu/stage_clock.h"
#include "gpu/staging.h"

namespace rkv::gpu {

/// One kernel call, comparable with that of an earlier step.
struct Work {
  cudaError_t (*start)(const Work&, cudaStream_t);
  void* kernel;
  dim3 grid, block;
  size_t shared_bytes;
  const void* params;  // device
};

class Launcher {
 public:
  /// @throws Failure RKV_E_DEVICE when the device cannot be used.
  explicit Launcher(int device);
  ~Launcher();
  Launcher(const Launcher&) = delete;
  Launcher& operator=(const Launcher&) = delete;

  int multiprocessors() const { return multiprocessors_; }
  cudaStream_t stream() const { return stream_; }
  /// Memory for work in this stream.
  Allocator& allocator() { return allocator_; }

  /// kernel(params) after everything before. Grid, block and shared memory in the units of a CUDA launch.
  template <class P>
  void run(void (*kernel)(const P*), dim3 grid, dim3 block, size_t shared_bytes, const P& params) {
    add({&start_kernel<P>, reinterpret_cast<void*>(kernel), grid, block, shared_bytes, stage(std::span(&params, 1))});
  }

  /// Copy of host values in device memory, for the kernels that follow; valid until the end of the step, or outside a
  /// step until the next wait().
  template <class T>
  const T* stage(std::span<const T> values) {
    static_assert(std::is_trivially_copyable_v<T>);
    return static_cast<const T*>(staging_.put(values.data(), values.size_bytes()));
  }

  /// Enqueue what was recorded, and wait for the device. @throws Failure RKV_E_DEVICE.
  void wait();

  void begin_step(bool repeatable);
  /// Enqueue the step's work, or replay it; does not wait. No-op outside a step or when it has been done.
  void flush();
  /// What is recorded from here on belongs to this stage.
  void begin_stage(Stage stage);
  /// wait() and leave the step. @return what its stages took.
  StageTimes end_step();
  /// Forget what was recorded: the step failed on the host.
  void abandon_step();
  /// Between ops: make the calling thread use this device (calls may come from any thread), and wait if parameters have
  /// piled up. Never while something that was staged is still to be used.
  void begin_op();
  /// Steps that were replayed as graphs so far.
  int64_t replays() const { return replays_; }

 private:
  template <class P>
  static cudaError_t start_kernel(const Work& work, cudaStream_t stream) {
    const auto kernel = reinterpret_cast<void (*)(const P*)>(work.kernel);
    return launch(kernel, work.grid, work.block, work.shared_bytes, stream, static_cast<const P*>(work.params));
  }

  void add(const Work& work);
  void start(const Work& work);
  void start_all();
  void capture();
  void drop_graph();

  const int device_;
  int multiprocessors_ = 0;
  cudaStream_t stream_ = nullptr;
  Allocator allocator_;
  Staging staging_{allocator_};
  bool in_step_ = false, repeatable_ = false;
  bool flushed_ = false, replayed_ = false;  // this step
  struct StageStart {
    size_t work;  // first work of the stage
    Stage stage;
  };
  std::vector<StageStart> stages_;
  std::vector<Work> work_, last_;    // of this step and of the one before
  cudaGraphExec_t graph_ = nullptr;  // of last_
  int64_t replays_ = 0;
  StageClock clock_;
};

}  // namespace rkv::gpu
