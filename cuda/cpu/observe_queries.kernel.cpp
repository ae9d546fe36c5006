#include "cpu/observe_queries_kernels.h"
#include "cpu/vec.h"

namespace rkv::cpu::RKV_ISA {

namespace {

constexpr int kRows = 6;  // sums of kRows x kVecs vectors stay in registers
constexpr int kVecs = kLanes == 16 ? 4 : 2;

void add_rows(const float* q, int n, int d, int pitch, double* sum) {
  for (int t = 0; t < n; t++)
    for (int i = 0; i < d; i++) sum[i] += q[t * pitch + i];
}

/// One block of sum: rows [row, row + R), columns [col, col + V * kLanes) as far as they are below d.
template <int R, int V>
void add_block(const float* q, int n, int d, int pitch, int row, int col, double* sum) {
  F part[R][V];
  for (int r = 0; r < R; r++)
    for (int v = 0; v < V; v++) part[r][v] = zero();
  for (int t = 0; t < n; t++, q += pitch) {
    F column[V];
    for (int v = 0; v < V; v++) column[v] = load(q + col + v * kLanes);
    for (int r = 0; r < R; r++) {
      const F x = set1(q[row + r]);
      for (int v = 0; v < V; v++) part[r][v] = fma(x, column[v], part[r][v]);
    }
  }
  for (int r = 0; r < R; r++) {
    for (int v = 0; v < V; v++) {
      float x[kLanes];
      store(x, part[r][v]);
      double* to = sum + static_cast<int64_t>(row + r) * d + col + v * kLanes;
      const int left = d - col - v * kLanes;
      for (int i = 0; i < kLanes && i < left; i++) to[i] += x[i];
    }
  }
}

template <int V>
void add_columns(const float* q, int n, int d, int pitch, int first, int last, int col, double* sum) {
  int row = first;
  for (; row + kRows <= last; row += kRows) add_block<kRows, V>(q, n, d, pitch, row, col, sum);
  for (; row + 2 <= last; row += 2) add_block<2, V>(q, n, d, pitch, row, col, sum);
  if (row < last) add_block<1, V>(q, n, d, pitch, row, col, sum);
}

void add_products(const float* q, int n, int d, int pitch, int first, int last, double* sum) {
  int col = 0;
  for (; col + kVecs * kLanes <= pitch; col += kVecs * kLanes)
    add_columns<kVecs>(q, n, d, pitch, first, last, col, sum);
  for (; col < pitch; col += kLanes) add_columns<1>(q, n, d, pitch, first, last, col, sum);
}

}  // namespace

extern const ObserveKernels observe_table;
const ObserveKernels observe_table = {kLanes, add_rows, add_products};

}  // namespace rkv::cpu::RKV_ISA
