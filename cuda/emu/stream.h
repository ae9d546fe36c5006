// Streams: lists of work that run when someone waits, or that a capture turns into a graph.
#pragma once

#include <functional>
#include <vector>

#include "emu/runtime.h"

namespace rkv::emu {

using Work = std::function<void()>;

/// Put work at the end of a stream, or into the graph that captures it.
cudaError_t enqueue_work(cudaStream_t stream, Work work);
void run_stream(cudaStream_t stream);
void run_all_streams();
/// cudaSuccess, or the error of a call that is not allowed while a stream is captured; the capture is lost then.
cudaError_t forbid_in_capture();
bool is_capturing(cudaStream_t stream);
/// A call on a stream that is captured failed: so will the end of the capture.
cudaError_t lose_capture(cudaStream_t stream, cudaError_t error);

}  // namespace rkv::emu

struct CUgraph_st {
  std::vector<rkv::emu::Work> work;
};
