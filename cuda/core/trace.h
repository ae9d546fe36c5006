// What a session remembers of its last decode step, for those who want to look inside.
#pragma once

#include <span>
#include <vector>

#include "core/buffer.h"

namespace rkv {

class Session;

struct StepTrace {
  int position = -1;                           // of the token that was fed; -1: none
  std::vector<std::vector<int32_t>> selected;  // [n_layers * n_heads]: positions attended to, ascending
  SharedBuffer q;                              // f32 [n_layers, n_heads, head_dim], after RoPE
  SharedBuffer q_sinks;                        // the same for sinks, where positions are shifted
  std::vector<int32_t> n_sinks;                // [n_layers * n_heads]: first candidates that q_sinks meets
};

/// Tokens that a query head can attend to, by position.
struct Candidates {
  std::vector<int32_t> slots, positions;  // positions ascend
};
Candidates candidates_of(const Session& session, int layer, int head);

/// rkv_trace_weights(): softmax weights of the last step's query, in the order of candidates_of().
/// @throws Failure RKV_E_STATE when there was no step since the last prefill.
std::vector<float> step_weights(const Session& session, int layer, int head);

}  // namespace rkv
