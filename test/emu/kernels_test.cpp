// The small kernels of kernels.cu against plain loops.
#include "kernels.h"

#include <numeric>
#include <tuple>
#include <utility>

#include "gpu/check.h"

namespace rkv::test {
namespace {

const gpu::bf16* elements(const DeviceArray<uint16_t>& bits) { return reinterpret_cast<const gpu::bf16*>(bits.data()); }

}  // namespace

GPU_TEST("emulator: shuffles and barriers sum rows") {
  for (int n : {1, 31, 32, 33, 127, 1000}) {
    const int rows = 5;
    const std::vector<float> x = random_floats(rows * n, n);
    std::vector<float> wanted(rows);
    for (int r = 0; r < rows; r++) wanted[r] = std::accumulate(&x[r * n], &x[r * n] + n, 0.0f);
    const DeviceArray<float> device_x(x), out(rows);
    gpu::check(sum_rows(device_x.data(), rows, n, out.data(), launcher().stream()), "sum rows");
    check_close(out.download(), wanted, 1e-4f, "rows of %d", n);
  }
}

GPU_TEST("emulator: a shared tile transposes") {
  for (auto [m, n] : {std::pair{1, 1}, {31, 33}, {64, 40}, {7, 100}}) {
    const std::vector<float> x = random_floats(m * n, m);
    std::vector<float> wanted(m * n);
    for (int i = 0; i < m * n; i++) wanted[i % n * m + i / n] = x[i];
    const DeviceArray<float> device_x(x), out(m * n);
    gpu::check(transpose(device_x.data(), m, n, out.data(), launcher().stream()), "transpose");
    check_close(out.download(), wanted, 0, "%d x %d", m, n);
  }
}

GPU_TEST("emulator: the last block by ticket adds what the others wrote") {
  const int n = 3000, blocks = 7;
  const std::vector<float> x = random_floats(n, 1);
  const DeviceArray<float> device_x(x), partial(blocks), out(1);
  const DeviceArray<unsigned> ticket(std::vector<unsigned>(1, 0));
  for (int round = 0; round < 3; round++) {
    gpu::check(
        sum_by_ticket(device_x.data(), n, blocks, partial.data(), ticket.data(), out.data(), launcher().stream()),
        "sum by ticket");
    check_close(out.download(), {std::accumulate(x.begin(), x.end(), 0.0f)}, 1e-4f, "round %d", round);
    check_equal(ticket.download()[0], 0u, "the ticket after round %d", round);
  }
}

GPU_TEST("emulator: staged copies, ldmatrix and mma multiply") {
  for (auto [m, n, k] : {std::tuple{16, 16, 32}, {48, 32, 160}}) {
    const std::vector<uint16_t> a = to_bf16(random_floats(m * k, 1)), b = to_bf16(random_floats(n * k, 2));
    const std::vector<float> fa = from_bf16(a), fb = from_bf16(b);
    std::vector<float> wanted(m * n, 0.0f);
    for (int i = 0; i < m; i++) {
      for (int j = 0; j < n; j++) {
        for (int s = 0; s < k; s++) wanted[i * n + j] += fa[i * k + s] * fb[j * k + s];
      }
    }
    const DeviceArray<uint16_t> device_a(a), device_b(b);
    const DeviceArray<float> c(m * n);
    gpu::check(multiply(elements(device_a), elements(device_b), m, n, k, c.data(), launcher().stream()), "multiply");
    check_close(c.download(), wanted, 1e-5f, "%d x %d x %d", m, n, k);
  }
}

}  // namespace rkv::test
