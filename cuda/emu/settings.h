// How the emulator runs, from the environment.
#pragma once

#include <cstdint>

namespace rkv::emu {

struct Settings {
  uint64_t seed = 0;   // EMU_SEED: 0 runs blocks, warps and lanes in order, others at random
  int os_threads = 1;  // EMU_THREADS: blocks that run at a time
};

const Settings& settings();

}  // namespace rkv::emu
