// Which of the compiled kernel tables a processor level uses.
#pragma once

#include "cpu/cpu_level.h"

namespace rkv::cpu {

/// Every *.kernel.cpp fills one table of function pointers per instruction set; this is the table for `level`.
template <class Table>
const Table& for_level(CpuLevel level, const Table& avx2, const Table& avx512, const Table& avx512bf16) {
  switch (level) {
    case CpuLevel::avx512bf16:
      return avx512bf16;
    case CpuLevel::avx512:
      return avx512;
    default:
      return avx2;  // models are refused on processors without it
  }
}

}  // namespace rkv::cpu
