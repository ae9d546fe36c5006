// cudaMemcpy and cudaMemset, checked against what memory is whose.
#include <cstring>
#include <memory>

#include "emu/device.h"
#include "emu/memory.h"
#include "emu/poison.h"
#include "emu/stream.h"

namespace rkv::emu {
namespace {

struct Ends {
  Place to, from;
};

cudaError_t check(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, Ends* ends) {
  if (const cudaError_t error = locate(to, bytes, &ends->to); error != cudaSuccess) return error;
  if (const cudaError_t error = locate(from, bytes, &ends->from); error != cudaSuccess) return error;
  if (kind == cudaMemcpyDefault) return cudaSuccess;
  const bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  const bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  const bool right = to_device == (ends->to == Place::kDevice) && from_device == (ends->from == Place::kDevice);
  return right ? cudaSuccess : cudaErrorInvalidValue;
}

/// Pageable host memory is read before the call returns, and written before it returns. Pinned memory is neither.
cudaError_t copy_async(void* to, const void* from, size_t bytes, Ends ends, cudaStream_t stream) {
  if (is_capturing(stream) && (ends.to == Place::kHost || ends.from == Place::kHost)) {
    return lose_capture(stream, cudaErrorStreamCaptureUnsupported);
  }
  if (ends.from == Place::kHost) {
    const std::shared_ptr<char[]> staged(new char[bytes]);
    std::memcpy(staged.get(), from, bytes);
    return enqueue_work(stream, [=] { std::memcpy(to, staged.get(), bytes); });
  }
  // Whoever reads pinned memory before the copy is done shall not find the values of the last time.
  if (ends.to == Place::kPinned && !is_capturing(stream)) poison(to, bytes);
  const cudaError_t error = enqueue_work(stream, [=] { std::memmove(to, from, bytes); });
  if (ends.to == Place::kHost) run_stream(stream);
  return error;
}

}  // namespace
}  // namespace rkv::emu

using namespace rkv::emu;

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  const Call call;
  if (!call.ok()) return call.error();
  if (bytes == 0) return cudaSuccess;
  Ends ends;
  if (const cudaError_t error = check(to, from, bytes, kind, &ends); error != cudaSuccess) return call.fail(error);
  return call.done(copy_async(to, from, bytes, ends, stream));
}

cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
  const Call call;
  if (!call.ok()) return call.error();
  if (const cudaError_t error = forbid_in_capture(); error != cudaSuccess) return call.fail(error);
  Ends ends;
  if (const cudaError_t error = check(to, from, bytes, kind, &ends); error != cudaSuccess) return call.fail(error);
  if (const cudaError_t error = enqueue_work(nullptr, [=] { std::memmove(to, from, bytes); }); error != cudaSuccess) {
    return call.fail(error);
  }
  run_stream(nullptr);
  return call.done(cudaSuccess);
}

cudaError_t cudaMemsetAsync(void* p, int value, size_t bytes, cudaStream_t stream) {
  const Call call;
  if (!call.ok()) return call.error();
  if (bytes == 0) return cudaSuccess;
  Place place;
  if (const cudaError_t error = locate(p, bytes, &place); error != cudaSuccess) return call.fail(error);
  if (place == Place::kHost) return call.fail(cudaErrorInvalidValue);
  return call.done(enqueue_work(stream, [=] { std::memset(p, value, bytes); }));
}

cudaError_t cudaMemset(void* p, int value, size_t bytes) { return cudaMemsetAsync(p, value, bytes, nullptr); }
