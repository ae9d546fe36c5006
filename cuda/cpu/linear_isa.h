// The functions of a LinearKernels table, one set per instruction set. For *.kernel.cpp only.
#pragma once

#include "cpu/linear_kernels.h"

namespace rkv::cpu::RKV_ISA {

void quantize_row(const float* x, int cols, ActivationGroup* groups);
void round_row(const float* x, int cols, uint16_t* bf16);
void decode_rows(const Projection& projection, const LinearInput& x, int first, int last);
extern const int kPrefillPanelRows;
void prefill_panel(const Projection& projection, const LinearInput& x, int first, int t0, int t1, void* panel);
void dequantize_row(DType dtype, const uint8_t* row, int cols, float* out);

}  // namespace rkv::cpu::RKV_ISA
