// gpu_bench PART [name=value ...]: one part, JSON lines on stdout, what goes wrong on stderr.
//
// Options of all parts: device=1 (as rkv_device_info() counts), shape=llama-8b|tiny, folder=<for temporary files>,
// plans=<table of plans>.
#include <cstdio>
#include <exception>

#include "bench_model.h"
#include "parts.h"
#include "record.h"

namespace rkv::bench {

void run_device(const Options& options) {
  const int device = options.number("device", 1);
  const rkv_device_desc desc = describe(device);
  if (desc.usable == 0) fail(RKV_E_DEVICE, "Cannot use device %d: %s", device, desc.detail);
  double rate = 0;
  const int64_t bytes = int64_t{1} << 20 << options.number("log2_mib", 12);
  call(rkv_device_bandwidth, device, 0, bytes, 5, &rate);
  Record("device")
      .add("name", desc.name)
      .add("arch", desc.arch)
      .add("memory_bytes", desc.memory_total)
      .add("bandwidth_gb_per_s", rate / 1e9)
      .print();
}

static int run(int argc, char** argv) {
  const std::string part = argc > 1 ? argv[1] : "";
  const Options options(argc, argv, 2);
  if (part == "device") {
    run_device(options);
  } else if (part == "compare") {
    return run_compare(options) ? 0 : 1;
  } else if (part == "linear") {
    run_linear(options);
  } else if (part == "attention") {
    run_attention(options);
  } else if (part == "small") {
    run_small(options);
  } else if (part == "decode") {
    run_decode(options);
  } else if (part == "prefill") {
    run_prefill(options);
  } else {
    throw std::runtime_error("Cannot run part \"" + part +
                             "\": expected device, compare, linear, attention, small, decode or prefill");
  }
  return 0;
}

}  // namespace rkv::bench

int main(int argc, char** argv) {
  try {
    return rkv::bench::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
