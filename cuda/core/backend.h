// The backends that this library was built with.
#pragma once

#include <memory>

#include "core/ops.h"

namespace rkv {

/// Devices known to the library, usable or not; index 0 is the CPU.
int device_count();
void describe_device(int index, rkv_device_desc* out);
/// @throws Failure RKV_E_DEVICE when the device cannot be used, with the reason.
std::unique_ptr<Ops> make_ops(int index, const rkv_model_config& config);
double device_bandwidth(int index, int threads, int64_t bytes, int rounds);

/// Only in builds with CUDA code: how many devices its runtime sees, 0 without a driver.
namespace gpu {
int count();
/// Device `index` of CUDA's own numbering; with count() = 0, index 0 says why.
void describe(int index, rkv_device_desc* out);
std::unique_ptr<Ops> make_ops(int index);
double bandwidth(int index, int64_t bytes, int rounds);
}  // namespace gpu

namespace cpu {
void describe(rkv_device_desc* out);
std::unique_ptr<Ops> make_ops(int threads, int cpu_level);
double bandwidth(int threads, int64_t bytes, int rounds);
}  // namespace cpu

}  // namespace rkv
