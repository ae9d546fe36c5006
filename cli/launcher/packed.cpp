// dist/rocketkv-<version>-linux-x86_64: the command line as one file.
#include "start.h"
#include "unpack.h"

namespace launcher {
namespace {

void start_packed(const std::vector<std::string_view>& words) {
  const std::string folder = unpacked_folder(payload());
  start(
      {
          .deno = folder + "/deno",
          .deno_dir = folder + "/deno_dir",
          .main = folder + "/main.js",
          .native = {.library = folder + "/librocketkv.so", .modules = folder + "/node_modules"},
          .flags = {"--no-remote", "--node-modules-dir=manual"},
      },
      words);
}

}  // namespace
}  // namespace launcher

int main(int argc, char** argv) { return launcher::run_main(argc, argv, launcher::start_packed); }
