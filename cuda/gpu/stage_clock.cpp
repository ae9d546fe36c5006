#include "gpu/stage_clock.h"

namespace rkv::gpu {

StageClock::~StageClock() {
  for (const Mark& mark : marks_) cudaEventDestroy(mark.event);
}

void StageClock::mark(Stage stage, cudaStream_t stream) {
  if (n_marks_ == marks_.size()) {
    cudaEvent_t event = nullptr;
    check(cudaEventCreate(&event), "create an event");
    marks_.push_back({event, stage});
  }
  marks_[n_marks_].stage = stage;
  check(cudaEventRecord(marks_[n_marks_].event, stream), "record an event");
  n_marks_++;
}

StageTimes StageClock::read(bool replayed) {
  double ms[4] = {}, total = 0;
  for (size_t i = 0; i + 1 < n_marks_; i++) {
    float part = 0;
    check(cudaEventElapsedTime(&part, marks_[i].event, marks_[i + 1].event), "read an event");
    ms[static_cast<int>(marks_[i].stage)] += part;
    total += part;
  }
  for (int i = 0; i < 4; i++) {
    if (replayed)
      ms[i] = total * share_[i];
    else if (total > 0)
      share_[i] = ms[i] / total;
  }
  const auto ns = [&](Stage stage) { return static_cast<int64_t>(ms[static_cast<int>(stage)] * 1e6); };
  return {ns(Stage::kLinear), ns(Stage::kSelect), ns(Stage::kAttend), ns(Stage::kSample)};
}

}  // namespace rkv::gpu
