// Events: the host's time when the work before them has run.
#include <chrono>

#include "emu/device.h"
#include "emu/stream.h"

using Clock = std::chrono::steady_clock;

struct CUevent_st {
  bool timed;
  cudaStream_t stream;     // of the last record
  unsigned recorded, ran;  // how often
  Clock::time_point time;
};

using namespace rkv::emu;

namespace {

bool has_run(cudaEvent_t event) { return event->ran == event->recorded; }

}  // namespace

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
  const Call call;
  if (!call.ok()) return call.error();
  *event = new CUevent_st{(flags & cudaEventDisableTiming) == 0, nullptr, 0, 0, {}};
  return cudaSuccess;
}

cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, cudaEventDefault); }

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  const Call call(Call::kEnd);
  if (event != nullptr && !has_run(event)) run_stream(event->stream);
  delete event;
  return call.done(cudaSuccess);
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  const Call call;
  if (!call.ok()) return call.error();
  if (is_capturing(stream)) {
    return call.fail(lose_capture(stream, cudaErrorNotSupported));  // branches of a graph are not emulated
  }
  event->stream = stream;
  const unsigned record = ++event->recorded;
  return call.done(enqueue_work(stream, [event, record] {
    event->ran = record;
    event->time = Clock::now();
  }));
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  const Call call;
  if (!call.ok()) return call.error();
  if (is_capturing(stream)) return call.fail(lose_capture(stream, cudaErrorNotSupported));
  if (!has_run(event)) run_stream(event->stream);
  return call.done(cudaSuccess);
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  const Call call;
  if (!call.ok()) return call.error();
  if (!has_run(event)) run_stream(event->stream);
  return call.done(cudaSuccess);
}

/// Like cudaStreamQuery(): the first "not yet" makes the stream run.
cudaError_t cudaEventQuery(cudaEvent_t event) {
  const Call call;
  if (!call.ok()) return call.error();
  if (has_run(event)) return cudaSuccess;
  run_stream(event->stream);
  return call.done(cudaErrorNotReady);
}

cudaError_t cudaEventElapsedTime(float* ms, cudaEvent_t start, cudaEvent_t end) {
  const Call call;
  if (!call.ok()) return call.error();
  if (!start->timed || !end->timed || start->recorded == 0 || end->recorded == 0) {
    return call.fail(cudaErrorInvalidResourceHandle);
  }
  if (!has_run(start) || !has_run(end)) return cudaErrorNotReady;
  *ms = std::chrono::duration<float, std::milli>(end->time - start->time).count();
  return cudaSuccess;
}
