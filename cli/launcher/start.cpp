#include "start.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "failure.h"

namespace launcher {
namespace {

using std::string, std::string_view, std::vector;

string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// As in lib/model/store.ts.
string cache_folder() {
  if (const string own = variable("ROCKETKV_HOME"); !own.empty()) return own;
  if (const string caches = variable("XDG_CACHE_HOME"); !caches.empty()) return caches + "/rocketkv";
  if (const string home = variable("HOME"); !home.empty()) return home + "/.cache/rocketkv";
  return "";
}

}  // namespace

void start(const Installation& installation, const vector<string_view>& words) {
  vector<string> line = {installation.deno, "run", "--quiet", "--no-prompt", "--no-config", "--no-lock"};
  line.push_back("--unstable-no-legacy-abort");  // a server hears of clients that leave, and of no others
  line.insert(line.end(), installation.flags.begin(), installation.flags.end());
  for (string& flag : permissions(read_words(words), installation.native, cache_folder())) {
    line.push_back(std::move(flag));
  }
  line.push_back(installation.main);
  line.insert(line.end(), words.begin(), words.end());

  setenv("DENO_DIR", installation.deno_dir.c_str(), 1);
  setenv("DENO_NO_UPDATE_CHECK", "1", 1);
  setenv("ROCKETKV_PROGRAM", own_path().c_str(), 1);  // scripts that it writes start it again
  vector<char*> argv;
  for (string& word : line) argv.push_back(word.data());
  argv.push_back(nullptr);
  execv(argv[0], argv.data());
  throw Failure(kRun, "Cannot start rocketkv: " + installation.deno + ": " + std::strerror(errno));
}

string own_path() {
  std::error_code error;
  const auto path = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) throw Failure(kRun, "Cannot start rocketkv: /proc must be mounted: " + error.message());
  return path;
}

int run_main(int argc, char** argv, void (*body)(const vector<string_view>& words)) {
  try {
    body({argv + (argc > 0 ? 1 : 0), argv + argc});
    return kRun;
  } catch (const Failure& failure) {
    std::fprintf(stderr, "%s\n", failure.what());
    return failure.code();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "Cannot start rocketkv: %s\n", error.what());
    return kRun;
  }
}

}  // namespace launcher
