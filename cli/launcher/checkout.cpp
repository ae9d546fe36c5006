// build/rocketkv: the command line from the sources of a checkout.
#include <unistd.h>

#include <filesystem>

#include "failure.h"
#include "start.h"

namespace launcher {
namespace {

void start_checkout(const std::vector<std::string_view>& words) {
  const std::string root = std::filesystem::path(own_path()).parent_path().parent_path();
  const std::string deno = root + "/.tools/bin/deno";
  const std::string packages = root + "/node_modules";
  if (access(deno.c_str(), X_OK) != 0 || access((packages + "/.stamp").c_str(), F_OK) != 0) {
    throw Failure(kRun, "Cannot start rocketkv: " + root + " is not set up: run make there");
  }
  start(
      {
          .deno = deno,
          .deno_dir = root + "/.tools/deno_dir",
          .main = root + "/cli/main.ts",
          .native = {.library = root + "/build/librocketkv.so", .modules = packages + "/.deno"},
          // Packages come straight from node_modules: looking at deno.json and deno.lock again would cost 20 ms a
          // start.
          .flags = {"--cached-only", "--node-modules-dir=manual"},
      },
      words);
}

}  // namespace
}  // namespace launcher

int main(int argc, char** argv) { return launcher::run_main(argc, argv, launcher::start_checkout); }
