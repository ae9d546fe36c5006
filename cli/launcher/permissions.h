// From a command line to the permissions that Deno is started with.
#pragma once

#include <string>
#include <vector>

#include "words.h"

namespace launcher {

/// Native code: files, or folders with all that is in them.
struct NativeCode {
  std::string library;
  std::string modules;  // of packages: charts, words of Chinese texts
};

/// @param cache  Folder that models and data are kept in, or empty when nothing says where it is.
/// @return `--allow-...` and `--deny-...` for `deno run`.
/// @throws Failure when a path cannot be granted.
std::vector<std::string> permissions(const Words& words, const NativeCode& native, const std::string& cache);

}  // namespace launcher
