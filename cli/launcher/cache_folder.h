// Folders that unpacked programs are kept in.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

namespace launcher {

/// Why one folder cannot be used; another one may do.
class Unusable : public std::runtime_error {
 public:
  explicit Unusable(const std::string& reason) : std::runtime_error(reason) {}
  /// With the reason of the system.
  static Unusable by_errno();
};

/// Where to look, in order: what ROCKETKV_CACHE says alone, else the user's cache and then the folder for temporary
/// files.
std::vector<std::string> cache_folders();

/// @throws Unusable unless it is a folder of this user that nobody else may write to: what lies in it is run.
void check_private(const std::string& folder);

/// Create a folder for this user alone, with those above it.
void make_private(const std::string& folder);

}  // namespace launcher
