#include <cmath>

#include "cpu/attend_vec.h"
#include "cpu/row_kernels.h"

namespace rkv::cpu::RKV_ISA {

namespace {

constexpr int kMaxDims = 256;

template <class T>
const T* row_at(const void* const* rows, int i) {
  return static_cast<const T*>(rows[i]);
}

template <class T>
void norms(const void* const* rows, int n, int d, float* norm) {
  for (int i = 0; i < n; i++) {
    F squares = zero();
    for (int dim = 0; dim < d; dim += kLanes) {
      const F x = load_row_n(row_at<T>(rows, i) + dim, d - dim);
      squares = fma(x, x, squares);
    }
    norm[i] = std::sqrt(reduce_add(squares));
  }
}

template <class T>
void dots(const void* const* rows, int n, int d, const float* x, float* dot) {
  for (int i = 0; i < n; i++) {
    F products = zero();
    for (int dim = 0; dim < d; dim += kLanes)
      products = fma(load_row_n(row_at<T>(rows, i) + dim, d - dim), load_n(x + dim, d - dim), products);
    dot[i] = reduce_add(products);
  }
}

template <class T>
void sum(const void* const* rows, int n, int d, const float* factor, float* sum) {
  for (int dim = 0; dim < d; dim += kLanes) {
    F total = zero();
    for (int i = 0; i < n; i++) {
      const F x = load_row_n(row_at<T>(rows, i) + dim, d - dim);
      total = factor == nullptr ? add(total, x) : fma(set1(factor[i]), x, total);
    }
    store_n(sum + dim, total, d - dim);
  }
}

template <class T>
void ranges(const void* const* rows, int n, int d, float* low, float* high) {
  for (int dim = 0; dim < d; dim += kLanes) {
    F least = load_row_n(row_at<T>(rows, 0) + dim, d - dim), most = least;
    for (int i = 1; i < n; i++) {
      const F x = load_row_n(row_at<T>(rows, i) + dim, d - dim);
      least = min(least, x);
      most = max(most, x);
    }
    store_n(low + dim, least, d - dim);
    store_n(high + dim, most, d - dim);
  }
}

/// fn(i) summed over i < d, in eight sums side by side: d is a multiple of 8.
template <class Fn>
inline double sum_of(int d, Fn&& fn) {
  double part[8] = {};
  for (int from = 0; from < d; from += 8)
    for (int i = 0; i < 8; i++) part[i] += fn(from + i);
  return ((part[0] + part[1]) + (part[2] + part[3])) + ((part[4] + part[5]) + (part[6] + part[7]));
}

template <class T>
void spreads(const void* const* rows, int n, int d, const float* low, const float* high, double* spread) {
  double factor[kMaxDims], relative[kMaxDims];
  float x[kMaxDims];
  for (int dim = 0; dim < d; dim++) {
    const double range = static_cast<double>(high[dim]) - low[dim];
    factor[dim] = range > 0 ? 1 / range : 0;
  }
  for (int i = 0; i < n; i++) {
    for (int dim = 0; dim < d; dim += kLanes) store_n(x + dim, load_row_n(row_at<T>(rows, i) + dim, d - dim), d - dim);
    for (int dim = 0; dim < d; dim++) relative[dim] = (static_cast<double>(x[dim]) - low[dim]) * factor[dim];
    const double mean = sum_of(d, [&](int dim) { return relative[dim]; }) / d;
    const double squares = sum_of(d, [&](int dim) { return (relative[dim] - mean) * (relative[dim] - mean); });
    spread[i] = std::sqrt(squares / (d - 1));
  }
}

template <class T>
constexpr RowKernels kernels{norms<T>, dots<T>, sum<T>, ranges<T>, spreads<T>};

}  // namespace

extern const RowKernels row_f32, row_bf16;
const RowKernels row_f32 = kernels<float>, row_bf16 = kernels<uint16_t>;

}  // namespace rkv::cpu::RKV_ISA
