#include "emu/stream.h"

#include <deque>
#include <memory>
#include <vector>

#include "emu/device.h"
#include "emu/faults.h"
#include "emu/launch.h"

using rkv::emu::Work;

struct CUstream_st {
  int device;
  bool blocking;  // ordered with the legacy default stream
  std::deque<Work> queue;
  std::unique_ptr<CUgraph_st> capture;
  cudaStreamCaptureMode mode;
  bool capture_lost;
};

namespace rkv::emu {
namespace {

CUstream_st legacy{0, true, {}, nullptr, cudaStreamCaptureModeGlobal, false};
std::vector<cudaStream_t> streams;  // all but the legacy one

cudaStream_t stream_of(cudaStream_t stream) { return stream == nullptr ? &legacy : stream; }

void drain(CUstream_st& stream) {
  while (!stream.queue.empty()) {
    const Work work = std::move(stream.queue.front());
    stream.queue.pop_front();
    work();
  }
}

}  // namespace

bool is_capturing(cudaStream_t stream) { return stream_of(stream)->capture != nullptr; }

cudaError_t lose_capture(cudaStream_t stream, cudaError_t error) {
  stream_of(stream)->capture_lost = true;
  return error;
}

cudaError_t forbid_in_capture() {
  cudaError_t error = cudaSuccess;
  for (cudaStream_t stream : streams) {
    if (stream->capture == nullptr || stream->mode == cudaStreamCaptureModeRelaxed) continue;
    stream->capture_lost = true;
    error = cudaErrorStreamCaptureUnsupported;
  }
  return error;
}

cudaError_t enqueue_work(cudaStream_t stream, Work work) {
  if (stream == nullptr) {
    // The legacy stream waits for all blocking ones, and so cannot go on while one is captured.
    for (cudaStream_t other : streams) {
      if (other->blocking && other->capture != nullptr) {
        other->capture_lost = true;
        return cudaErrorStreamCaptureImplicit;
      }
    }
    for (cudaStream_t other : streams) {
      if (other->blocking) drain(*other);
    }
    legacy.queue.push_back(std::move(work));
  } else if (stream->capture != nullptr) {
    if (stream->capture_lost) return cudaErrorStreamCaptureInvalidated;
    stream->capture->work.push_back(std::move(work));
  } else {
    if (stream->blocking) drain(legacy);
    stream->queue.push_back(std::move(work));
  }
  return cudaSuccess;
}

void run_stream(cudaStream_t stream) { drain(*stream_of(stream)); }

void run_all_streams() {
  drain(legacy);
  for (cudaStream_t stream : streams) drain(*stream);
}

cudaError_t enqueue(Launch launch, cudaStream_t stream) {
  const Call call;
  if (!call.ok()) return call.error();
  if (const cudaError_t error = check_shape(launch.grid, launch.block, launch.shared_bytes); error != cudaSuccess) {
    return call.fail(error);
  }
  if (stream != nullptr && stream->device != current_device()) return call.fail(cudaErrorInvalidResourceHandle);
  const cudaError_t injected = injected_launch_error();
  if (injected != cudaSuccess && !is_fatal(injected)) return call.fail(injected);
  if (injected != cudaSuccess) return call.done(enqueue_work(stream, [injected] { lose_device(injected); }));
  return call.done(enqueue_work(stream, [launch = std::move(launch)] { run(launch); }));
}

}  // namespace rkv::emu

using namespace rkv::emu;

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  const Call call;
  if (!call.ok()) return call.error();
  *stream = new CUstream_st{current_device(), (flags & cudaStreamNonBlocking) == 0, {},
                            nullptr,          cudaStreamCaptureModeGlobal,          false};
  streams.push_back(*stream);
  return cudaSuccess;
}

cudaError_t cudaStreamCreate(cudaStream_t* stream) { return cudaStreamCreateWithFlags(stream, cudaStreamDefault); }

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  const Call call(Call::kEnd);
  if (std::erase(streams, stream) == 0) return call.fail(cudaErrorInvalidResourceHandle);
  drain(*stream);
  delete stream;
  return call.done(cudaSuccess);
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  const Call call;
  if (!call.ok()) return call.error();
  if (is_capturing(stream)) return call.fail(lose_capture(stream, cudaErrorStreamCaptureUnsupported));
  run_stream(stream);
  return call.done(cudaSuccess);
}

/// Asking makes time pass: the stream runs after the first "not yet", so that callers that poll come to an end.
cudaError_t cudaStreamQuery(cudaStream_t stream) {
  const Call call;
  if (!call.ok()) return call.error();
  const bool ready = stream_of(stream)->queue.empty();
  run_stream(stream);
  return call.done(ready ? cudaSuccess : cudaErrorNotReady);
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  const Call call;
  if (!call.ok()) return call.error();
  if (stream == nullptr) return call.fail(cudaErrorStreamCaptureUnsupported);
  if (is_capturing(stream)) return call.fail(cudaErrorInvalidValue);
  stream->capture = std::make_unique<CUgraph_st>();
  stream->mode = mode;
  stream->capture_lost = false;
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  const Call call;
  *graph = nullptr;
  if (stream == nullptr || !is_capturing(stream)) return call.fail(cudaErrorInvalidValue);
  const std::unique_ptr<CUgraph_st> captured = std::move(stream->capture);
  if (!call.ok()) return call.error();
  if (stream->capture_lost) return call.fail(cudaErrorStreamCaptureInvalidated);
  *graph = new CUgraph_st(*captured);
  return call.done(cudaSuccess);
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  const Call call;
  *status = !is_capturing(stream)  ? cudaStreamCaptureStatusNone
            : stream->capture_lost ? cudaStreamCaptureStatusInvalidated
                                   : cudaStreamCaptureStatusActive;
  return call.error();
}
