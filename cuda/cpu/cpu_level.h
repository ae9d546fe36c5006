// What this machine's processor can do, and how much of it this process may use.
#pragma once

namespace rkv::cpu {

/// Instruction sets that kernels are built for (FLAGS_* in the Makefile); the numbers are rkv_model_config.cpu_level.
enum class CpuLevel { none = 0, avx2 = 1, avx512 = 2, avx512bf16 = 3 };

/// The highest level that processor and operating system support; none on a machine without AVX2, FMA and F16C.
CpuLevel best_cpu_level();

/// What the kernels of a level use, for people: "avx2+fma+f16c", "avx512+vnni", "avx512+vnni+bf16" or "none".
const char* cpu_level_name(CpuLevel level);

/// Threads that this process can run at a time, >= 1: its CPU affinity, limited by the cgroup's CPU quota.
int usable_threads();

}  // namespace rkv::cpu
