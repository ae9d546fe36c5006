// Records what a decode step asks and selects, for sessions with the trace option.
#pragma once

#include "core/decode_heads.h"

namespace rkv {

class StepTracer {
 public:
  /// Takes the memory of a step.
  explicit StepTracer(std::span<Session* const> sessions);

  /// Behind the attention of a layer, before any token is dropped.
  void record(int layer, const StepQueries& queries, std::span<const HeadBatch> batches);
  /// Hand the traces to their sessions.
  void commit();

 private:
  void record_queries(int layer, const StepQueries& queries);
  void record_head(int layer, const HeadBatch& batch, const DecodeHead& head, const HeadOwner& owner);

  std::span<Session* const> sessions_;
  Model& model_;
  std::vector<StepTrace> traces_;  // [sessions]; empty without the option
};

}  // namespace rkv
