// How the launcher fails: one line on stderr and an exit code.
#pragma once

#include <stdexcept>
#include <string>

namespace launcher {

/// The exit codes of cli/failure.ts: the run could not go on, or the command line cannot be used.
enum ExitCode { kRun = 1, kUsage = 2 };

class Failure : public std::runtime_error {
 public:
  Failure(ExitCode code, const std::string& line) : std::runtime_error(line), code_(code) {}
  ExitCode code() const { return code_; }

 private:
  ExitCode code_;
};

}  // namespace launcher
