#pragma once

#include <chrono>
#include <cstdint>

namespace rkv {

/// Nanoseconds since its creation or its last lap().
class Stopwatch {
 public:
  int64_t elapsed_ns() const {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start_).count();
  }
  int64_t lap() {
    const int64_t ns = elapsed_ns();
    start_ = Clock::now();
    return ns;
  }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_ = Clock::now();
};

}  // namespace rkv
