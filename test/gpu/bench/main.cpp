// gpu_bench PART [name=value ...]: one part, JSON lines on stdout, what goes wrong on stderr.
//
// Options of all parts: device=1 (as rkv_device_info() counts), shape=llama-8b|narrow|tiny, folder=<for temporary
// files>, plans=<table of plans>, seconds=<after which no measurement is begun that would end later>.
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>

#include "parts.h"

namespace rkv::bench {

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
