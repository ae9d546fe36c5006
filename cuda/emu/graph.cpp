// Graphs: captured work with its arguments, to be put into a stream again and again.
#include "emu/device.h"
#include "emu/stream.h"

struct CUgraphExec_st {
  std::vector<rkv::emu::Work> work;
};

using namespace rkv::emu;

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long) {
  const Call call;
  if (!call.ok()) return call.error();
  if (graph == nullptr) return call.fail(cudaErrorInvalidValue);
  *exec = new CUgraphExec_st{graph->work};
  return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
  const Call call;
  if (!call.ok()) return call.error();
  if (exec == nullptr) return call.fail(cudaErrorInvalidValue);
  for (const Work& work : exec->work) {
    if (const cudaError_t error = enqueue_work(stream, work); error != cudaSuccess) return call.fail(error);
  }
  return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  const Call call(Call::kEnd);
  delete exec;
  return call.error();
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  const Call call(Call::kEnd);
  delete graph;
  return call.error();
}
