// gpu_tests [filter]...: runs the tests whose name contains one of the filters, all without one; a line each. Exit 1
// unless all passed.
// gpu_tests --list: the names.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <span>

#include "check.h"
#include "core/backend.h"

namespace rkv::test {
namespace {

struct Test {
  const char* name;
  void (*run)();
};

std::vector<Test>& tests() {
  static std::vector<Test> all;
  return all;
}

std::unique_ptr<gpu::Launcher> shared_launcher;
std::unique_ptr<gpu::Scratch> shared_scratch;

/// Empty when the test passed, else what went wrong.
std::string run(const Test& test) {
  try {
    test.run();
    launcher().wait();
    return "";
  } catch (const std::exception& error) {
    return error.what();
  }
}

bool chosen(const Test& test, std::span<char* const> filters) {
  return filters.empty() ||
         std::ranges::any_of(filters, [&](const char* filter) { return std::strstr(test.name, filter) != nullptr; });
}

int run_all(std::span<char* const> filters) {
  int n_passed = 0, n_failed = 0;
  for (const Test& test : tests()) {
    if (!chosen(test, filters)) continue;
    const auto start = std::chrono::steady_clock::now();
    const std::string problem = run(test);
    const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - start;
    if (problem.empty()) {
      std::printf("%s ... ok (%.0f ms)\n", test.name, taken.count());
      n_passed++;
    } else {
      std::printf("%s ... FAILED: %s\n", test.name, problem.c_str());
      n_failed++;
      shared_scratch.reset();
      shared_launcher.reset();
    }
    std::fflush(stdout);
  }
  std::printf("%d passed, %d failed\n", n_passed, n_failed);
  return n_failed == 0 && n_passed > 0 ? 0 : 1;
}

}  // namespace

Register::Register(const char* name, void (*run)()) { tests().push_back({name, run}); }

gpu::Launcher& launcher() {
  if (shared_launcher == nullptr) shared_launcher = std::make_unique<gpu::Launcher>(0);
  return *shared_launcher;
}

gpu::Scratch& scratch() {
  if (shared_scratch == nullptr) shared_scratch = std::make_unique<gpu::Scratch>(launcher().allocator());
  return *shared_scratch;
}

Ops& cpu() {
  static const std::unique_ptr<Ops> ops = cpu::make_ops(1, 0);
  return *ops;
}

}  // namespace rkv::test

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "--list") == 0) {
    for (const rkv::test::Test& test : rkv::test::tests()) std::puts(test.name);
    return 0;
  }
  try {
    rkv::test::launcher();
  } catch (const std::exception& error) {
    std::printf("no test was run: %s\n", error.what());
    return 1;
  }
  const int result = rkv::test::run_all({argv + 1, argv + argc});
  rkv::test::shared_scratch.reset();
  rkv::test::shared_launcher.reset();
  return result;
}
