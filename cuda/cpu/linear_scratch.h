// Memory that projections work in.
#pragma once

#include <cstdint>

#include "cpu/linear_kernels.h"

namespace rkv::cpu {

/// Grow-only memory of a pool's calls. One call at a time.
class LinearScratch {
 public:
  LinearScratch() = default;
  ~LinearScratch();
  LinearScratch(const LinearScratch&) = delete;
  LinearScratch& operator=(const LinearScratch&) = delete;

  /// n rows of `cols` elements. Throws std::bad_alloc.
  ActivationGroup* groups(int n, int cols);
  uint16_t* bf16(int n, int cols);
  uint8_t* panels(int workers);  // [workers, kPanelBytes]
  int64_t bytes() const;

 private:
  struct Buffer {
    uint8_t* data = nullptr;
    int64_t bytes = 0;
    uint8_t* reserve(int64_t wanted);
  };
  Buffer groups_, bf16_, panels_;
};

}  // namespace rkv::cpu
