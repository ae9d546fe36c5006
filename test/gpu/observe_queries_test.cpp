#include <cmath>

#include "check.h"
#include "gpu/kernels.h"

namespace rkv::test {
namespace {

/// Two calls, one behind the other.
void compare(int n, int n_heads, int d) {
  const size_t row = static_cast<size_t>(n_heads) * static_cast<size_t>(d);
  const std::vector<float> q = random_floats(2 * static_cast<size_t>(n) * row, 4, -3, 3);
  std::vector<double> wanted(row * static_cast<size_t>(1 + d), 0.5);
  const DeviceArray<float> device_q(q);
  const DeviceArray<double> sums(wanted);
  for (const size_t from : {size_t{0}, static_cast<size_t>(n) * row}) {
    cpu().observe_queries(q.data() + from, n, n_heads, d, wanted.data());
    gpu::observe_queries(launcher(), device_q.data() + from, n, n_heads, d, sums.data());
  }
  const std::vector<double> found = sums.download();
  for (size_t i = 0; i < found.size(); i++) {
    // Products are up to 9; f32 sums of few of them are added in f64.
    check_true(std::fabs(found[i] - wanted[i]) <= 1e-6 * 9 * 2 * n, "sum %zu of %d queries, %d heads, head dim %d", i,
               n, n_heads, d);
  }
}

}  // namespace

GPU_TEST("observe_queries adds up queries and their products") {
  for (const int d : {8, 16, 24, 64, 80, 128}) compare(5, 2, d);
  for (const int n : {1, 31, 32, 33, 70}) compare(n, 3, 16);
}

GPU_TEST("observe_queries of no tokens does nothing") { gpu::observe_queries(launcher(), nullptr, 0, 2, 16, nullptr); }

}  // namespace rkv::test
