#include "cpu/bandwidth.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <vector>

#include "cpu/vector_kernels.h"

namespace rkv::cpu {

double read_bandwidth(ThreadPool& pool, CpuLevel level, int64_t bytes, int rounds) {
  constexpr int64_t kSlice = (128 << 10) / sizeof(uint64_t);
  const std::vector<uint64_t> words(static_cast<size_t>(bytes) / sizeof(uint64_t), 1);  // written, hence resident
  const auto count = static_cast<int64_t>(words.size());
  std::atomic<uint64_t> total{0};
  double best = 0;
  for (int round = 0; round < rounds; round++) {
    const auto start = std::chrono::steady_clock::now();
    pool.run(static_cast<int>((count + kSlice - 1) / kSlice), [&](int task, int) {
      const int64_t first = task * kSlice;
      total += vector_kernels(level).read(words.data() + first, std::min(kSlice, count - first));
    });
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
    best = std::max(best, static_cast<double>(count) * sizeof(uint64_t) / time.count());
  }
  return best;
}

}  // namespace rkv::cpu
