// Wall time of the host.
#pragma once

#include <chrono>

namespace rkv::bench {

using Clock = std::chrono::steady_clock;

inline double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

}  // namespace rkv::bench
