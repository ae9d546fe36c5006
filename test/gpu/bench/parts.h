// The parts of the driver. Each prints Records, and throws std::exception when it cannot go on.
#pragma once

#include "options.h"

namespace rkv::bench {

/// What the device is, and the bandwidth of its memory.
void run_device(const Options& options);
/// Models of every weight type and plan, on the device against the CPU. @return whether all agree.
bool run_compare(const Options& options);
/// Single ops: linear.
void run_linear(const Options& options);
/// Single ops: attention, selection, compression.
void run_attention(const Options& options);
/// Single ops: what is left.
void run_small(const Options& options);
/// Decode steps of a whole model at several lengths, plans and batch sizes.
void run_decode(const Options& options);
/// Whole prompts.
void run_prefill(const Options& options);

}  // namespace rkv::bench
