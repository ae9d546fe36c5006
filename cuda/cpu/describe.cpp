// What the CPU is, for `doctor` and `inspect`.
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>

#include "core/backend.h"
#include "core/failure.h"
#include "cpu/bandwidth.h"
#include "cpu/cpu_level.h"
#include "cpu/thread_pool.h"

namespace rkv::cpu {
namespace {

/// The value behind `key` in a file of `key : value` lines, or empty.
std::string lookup(const char* path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.rfind(key, 0) != 0) continue;
    const size_t value = line.find_first_not_of(" \t", line.find(':') + 1);
    return value == std::string::npos ? "" : line.substr(value);
  }
  return "";
}

int64_t memory_bytes(const char* key) {
  const std::string kilobytes = lookup("/proc/meminfo", key);
  return kilobytes.empty() ? 0 : std::stoll(kilobytes) * 1024;
}

}  // namespace

void describe(rkv_device_desc* out) {
  const CpuLevel level = best_cpu_level();
  out->kind = RKV_CPU;
  out->usable = level != CpuLevel::none;
  out->threads = usable_threads();
  out->memory_total = memory_bytes("MemTotal");
  out->memory_free = memory_bytes("MemAvailable");
  std::snprintf(out->name, sizeof out->name, "%s", lookup("/proc/cpuinfo", "model name").c_str());
  std::snprintf(out->arch, sizeof out->arch, "%s", cpu_level_name(level));
  if (level == CpuLevel::none) std::strcpy(out->detail, "this processor lacks AVX2, FMA or F16C");
}

double bandwidth(int threads, int64_t bytes, int rounds) {
  const CpuLevel level = best_cpu_level();
  if (level == CpuLevel::none) fail(RKV_E_DEVICE, "cannot use the CPU: expected AVX2, FMA and F16C");
  ThreadPool pool(threads > 0 ? threads : usable_threads());
  return read_bandwidth(pool, level, bytes, rounds);
}

}  // namespace rkv::cpu
