// What the device is, and how fast its memory is read and copied.
#include "op_bench.h"
#include "parts.h"
#include "record.h"

namespace rkv::bench {
namespace {

/// GB/s of a copy within the device's memory, bytes read and bytes written together.
double copy_rate(const Options& options, size_t bytes) {
  const OpBench bench(options);
  const Buffer from = bench.blocks(RKV_BF16, bytes), to(*bench.ops, bytes);
  const double ms = bench.median_ms(1, [&](int) { bench.ops->copy(to.as(), from.as(), bytes); });
  return 2.0 * static_cast<double>(bytes) / ms / 1e6;
}

}  // namespace

void run_device(const Options& options) {
  const int device = options.number("device", 1);
  const rkv_device_desc desc = describe(device);
  if (desc.usable == 0) fail(RKV_E_DEVICE, "Cannot use device %d: %s", device, desc.detail);
  const int64_t bytes = int64_t{1} << 20 << options.number("log2_mib", 12);
  double rate = 0;
  call(rkv_device_bandwidth, device, 0, bytes, 5, &rate);
  Record("device")
      .add("name", desc.name)
      .add("arch", desc.arch)
      .add("memory_bytes", desc.memory_total)
      .add("read_gb_per_s", rate / 1e9)
      .add("copy_gb_per_s", copy_rate(options, static_cast<size_t>(bytes / 2)))
      .print();
}

}  // namespace rkv::bench
