#include "cpu/cpu_level.h"

#include <sched.h>

#include <algorithm>
#include <climits>
#include <cmath>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace rkv::cpu {

// __builtin_cpu_supports also asks whether the operating system saves the wide registers (XCR0).
CpuLevel best_cpu_level() {
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("f16c"))
    return CpuLevel::none;
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
      !__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("avx512dq") ||
      !__builtin_cpu_supports("avx512vnni"))
    return CpuLevel::avx2;
  return __builtin_cpu_supports("avx512bf16") ? CpuLevel::avx512bf16 : CpuLevel::avx512;
}

const char* cpu_level_name(CpuLevel level) {
  switch (level) {
    case CpuLevel::none:
      return "none";
    case CpuLevel::avx2:
      return "avx2+fma+f16c";
    case CpuLevel::avx512:
      return "avx512+vnni";
    case CpuLevel::avx512bf16:
      return "avx512+vnni+bf16";
  }
  return "none";
}

namespace {

int affinity_threads() {
  // The mask may be longer than cpu_set_t, which ends at 1024 processors.
  for (size_t bits = 1024; bits <= (1u << 20); bits *= 2) {
    std::vector<char> mask(CPU_ALLOC_SIZE(bits));
    auto* set = reinterpret_cast<cpu_set_t*>(mask.data());
    if (sched_getaffinity(0, mask.size(), set) == 0) return std::max(1, CPU_COUNT_S(mask.size(), set));
  }
  return std::max(1u, std::thread::hardware_concurrency());
}

/// Processors' worth of time that `quota` per `period` microseconds buys; INT_MAX for no limit.
int quota_threads(double quota, double period) {
  if (!(quota > 0) || !(period > 0)) return INT_MAX;
  return std::max(1, static_cast<int>(std::ceil(std::min(quota / period, 1e6))));
}

int v2_limit(const std::string& folder) {
  std::ifstream file(folder + "/cpu.max");
  std::string quota;
  double period = 0;
  if (!(file >> quota >> period) || quota == "max") return INT_MAX;
  return quota_threads(std::strtod(quota.c_str(), nullptr), period);
}

int v1_limit(const std::string& folder) {
  double quota = -1, period = 0;
  if (!(std::ifstream(folder + "/cpu.cfs_quota_us") >> quota)) return INT_MAX;
  if (!(std::ifstream(folder + "/cpu.cfs_period_us") >> period)) return INT_MAX;
  return quota_threads(quota, period);
}

/// The tightest limit of a group and all groups around it. In a container the group's path may not exist below the
/// mount, which then shows the container's own group at its root: walking up reaches that as well.
template <class Limit>
int tightest(const std::string& mount, std::string group, Limit limit) {
  int threads = limit(mount);
  while (group.size() > 1) {
    threads = std::min(threads, limit(mount + group));
    group.resize(group.rfind('/'));
  }
  return threads;
}

int cgroup_threads() {
  int threads = INT_MAX;
  std::ifstream file("/proc/self/cgroup");  // lines "id:controllers:/path"; version 2 has id 0 and no controllers
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string id, controllers, group;
    if (!std::getline(fields, id, ':') || !std::getline(fields, controllers, ':') || !std::getline(fields, group))
      continue;
    if (group.empty() || group[0] != '/') continue;
    if (controllers.empty()) {
      threads = std::min(threads, tightest("/sys/fs/cgroup", group, v2_limit));
    } else if ((',' + controllers + ',').find(",cpu,") != std::string::npos) {
      threads = std::min(threads, tightest("/sys/fs/cgroup/" + controllers, group, v1_limit));
      threads = std::min(threads, tightest("/sys/fs/cgroup/cpu", group, v1_limit));
    }
  }
  return threads;
}

}  // namespace

int usable_threads() { return std::min(affinity_threads(), cgroup_threads()); }

}  // namespace rkv::cpu
