// Time of a decode step by stage, measured on the device.
#pragma once

#include <vector>

#include "core/ops.h"
#include "gpu/errors.h"

namespace rkv::gpu {

/// A step whose kernels are started one by one records an event wherever a stage begins. A replayed step has no such
/// places: its total is divided as the last step that was measured.
class StageClock {
 public:
  StageClock() = default;
  ~StageClock();
  StageClock(const StageClock&) = delete;
  StageClock& operator=(const StageClock&) = delete;

  void reset() { n_marks_ = 0; }
  /// What is enqueued from here on belongs to `stage`.
  void mark(Stage stage, cudaStream_t stream);
  /// End of what was marked. Call when the stream has been waited for.
  StageTimes read(bool replayed);
  /// Record the end; before waiting.
  void stop(cudaStream_t stream) { mark(Stage::kLinear, stream); }

 private:
  struct Mark {
    cudaEvent_t event;
    Stage stage;
  };
  std::vector<Mark> marks_;  // reused from step to step
  size_t n_marks_ = 0;
  double share_[4] = {1, 0, 0, 0};  // of the last measured step, by Stage
};

}  // namespace rkv::gpu
