// Plain C wrappers around cpu/linear.h for test/native/linear_test.ts. All operands end at guard pages.
#include <deque>
#include <vector>

#include "cpu/linear.h"
#include "guarded.h"
#include "rocketkv.h"

using namespace rkv;
using namespace rkv::cpu;
using rkvt::Guarded;

extern "C" {

RKV_API int32_t rkvt_best_cpu_level() { return static_cast<int32_t>(best_cpu_level()); }

/// out f32 [cols] = one row of weights.
RKV_API void rkvt_dequantize_row(int32_t level, int32_t dtype, const uint8_t* row, int32_t cols, float* out) {
  const auto type = static_cast<DType>(dtype);
  Guarded<uint8_t> guarded(row, static_cast<size_t>(row_bytes(type, cols)));
  Guarded<float> result(nullptr, static_cast<size_t>(cols));
  linear_kernels(static_cast<CpuLevel>(level)).dequantize_row(type, guarded.data(), cols, result.data());
  result.copy_to(out);
}

/// Projections of x f32 [n, cols], one after the other in `weights`, `bias` f32 [rows], if any, and y f32 [n, rows].
/// path: 0 linear(), 1 linear_decode(), 2 linear_prefill().
RKV_API void rkvt_linear(int32_t path, int32_t level, int32_t threads, int32_t projections, const int32_t* dtypes,
                         const int32_t* rows, int32_t cols, const uint8_t* weights, const float* bias, const float* x,
                         int32_t n, float* y) {
  Guarded<float> input(x, static_cast<size_t>(n) * static_cast<size_t>(cols));
  std::vector<Weight> shapes(static_cast<size_t>(projections));
  std::vector<Projection> todo;
  std::deque<Guarded<uint8_t>> matrices;
  std::deque<Guarded<float>> biases, results;
  for (size_t i = 0; i < shapes.size(); i++) {
    Weight& w = shapes[i] = {static_cast<DType>(dtypes[i]), rows[i], cols, nullptr};
    w.data = matrices.emplace_back(weights, static_cast<size_t>(w.bytes())).data();
    weights += w.bytes();
    const float* b = nullptr;
    if (bias != nullptr) {
      b = biases.emplace_back(bias, static_cast<size_t>(rows[i])).data();
      bias += rows[i];
    }
    const size_t count = static_cast<size_t>(n) * static_cast<size_t>(rows[i]);
    todo.push_back({&w, b, results.emplace_back(nullptr, count).data()});
  }
  ThreadPool pool(threads);
  LinearScratch scratch;
  const auto run = path == 0 ? linear : path == 1 ? linear_decode : linear_prefill;
  run(pool, linear_kernels(static_cast<CpuLevel>(level)), scratch, input.data(), n, todo);
  for (size_t i = 0; i < shapes.size(); i++) {
    results[i].copy_to(y);
    y += static_cast<int64_t>(n) * rows[i];
  }
}

}  // extern "C"
