#include "emu/launch.h"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <numeric>
#include <vector>

#include "cpu/thread_pool.h"
#include "emu/block.h"
#include "emu/settings.h"

namespace rkv::emu {
namespace {

/// What one OS thread runs blocks with. Under TSan two take turns, so that a block is concurrent with its neighbours.
struct Worker {
  static constexpr int kBlocks = kTsan ? 2 : 1;
  Block blocks[kBlocks];
  int turn = 0;
};

class Device {
 public:
  Device() : pool_(kTsan ? 1 : settings().os_threads), workers_(pool_.size()) {}

  void run(const Launch& launch) {
    const dim3 grid = launch.grid;
    const auto n_blocks = static_cast<uint32_t>(static_cast<uint64_t>(grid.x) * grid.y * grid.z);
    const uint64_t seed = settings().seed;
    const uint64_t launch_seed = seed == 0 ? 0 : Random(seed * 1000003 + n_launches_++).next();
    const std::vector<uint32_t> order = block_order(n_blocks, launch_seed);
    pool_.run(static_cast<int>(n_blocks), [&](int task, int worker) {
      std::unique_ptr<Worker>& mine = workers_[worker];
      if (mine == nullptr) mine = std::make_unique<Worker>();
      const uint32_t block = order.empty() ? task : order[task];
      const uint64_t block_seed = seed == 0 ? 0 : Random(launch_seed + block).next() | 1;
      mine->turn = (mine->turn + 1) % Worker::kBlocks;
      const uint3 index{block % grid.x, block / grid.x % grid.y, block / (grid.x * grid.y)};
      mine->blocks[mine->turn].run(index, grid, launch.block, launch.shared_bytes, launch.run_lane, block_seed);
    });
    for (const std::unique_ptr<Worker>& worker : workers_) {
      if (worker == nullptr) continue;
      for (Block& block : worker->blocks) block.join();
    }
  }

 private:
  /// A random order of the blocks; empty means in order.
  static std::vector<uint32_t> block_order(uint32_t n, uint64_t seed) {
    std::vector<uint32_t> order;
    if (seed == 0) return order;
    order.resize(n);
    std::iota(order.begin(), order.end(), 0u);
    Random random(seed);
    for (uint32_t i = n; i > 1; i--) std::swap(order[i - 1], order[random.below(i)]);
    return order;
  }

  cpu::ThreadPool pool_;
  std::vector<std::unique_ptr<Worker>> workers_;
  uint64_t n_launches_ = 0;
};

}  // namespace

const Settings& settings() {
  static const Settings loaded = [] {
    Settings s;
    if (const char* text = std::getenv("EMU_SEED")) s.seed = std::strtoull(text, nullptr, 10);
    if (const char* text = std::getenv("EMU_THREADS")) s.os_threads = std::max(1, std::atoi(text));
    return s;
  }();
  return loaded;
}

cudaError_t check_shape(dim3 grid, dim3 block, size_t shared_bytes) {
  const uint64_t threads = static_cast<uint64_t>(block.x) * block.y * block.z;
  const uint64_t blocks = static_cast<uint64_t>(grid.x) * grid.y * grid.z;
  if (shared_bytes > Block::kMaxShared) return cudaErrorInvalidValue;
  if (threads < 1 || threads > Block::kMaxThreads || block.z > 64) return cudaErrorInvalidConfiguration;
  if (blocks < 1 || blocks > INT32_MAX || grid.y > 65535 || grid.z > 65535) return cudaErrorInvalidConfiguration;
  return cudaSuccess;
}

void run(const Launch& launch) {
  static Device device;
  device.run(launch);
}

}  // namespace rkv::emu
