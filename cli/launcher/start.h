#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "permissions.h"

namespace launcher {

/// Where everything is, as absolute paths.
struct Installation {
  std::string deno;
  std::string deno_dir;  // compiled code is kept there
  std::string main;      // cli/main.ts, or what it was bundled to
  NativeCode native;
  std::vector<std::string> flags;  // of `deno run`, besides permissions
};

/// Become Deno, with the permissions that the command line needs.
/// @throws Failure when it cannot be started.
[[noreturn]] void start(const Installation& installation, const std::vector<std::string_view>& words);

/// The file of this program, free of links. @throws Failure
std::string own_path();

/// Run `body`, which starts Deno; print the line of a Failure. @return The exit code.
int run_main(int argc, char** argv, void (*body)(const std::vector<std::string_view>& words));

}  // namespace launcher
