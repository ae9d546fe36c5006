#include "cache_folder.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace launcher {
namespace {

using std::string;

/// Null also when it is empty or a relative path, which would mean another folder in every place.
const char* folder_variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && value[0] == '/' ? value : nullptr;
}

}  // namespace

Unusable Unusable::by_errno() { return Unusable(std::strerror(errno)); }

std::vector<string> cache_folders() {
  const string program = "/rocketkv/program";
  if (const char* own = std::getenv("ROCKETKV_CACHE"); own != nullptr && *own != '\0') {
    return {std::filesystem::absolute(own)};
  }
  std::vector<string> folders;
  if (const char* caches = folder_variable("XDG_CACHE_HOME")) {
    folders.push_back(caches + program);
  } else if (const char* home = folder_variable("HOME")) {
    folders.push_back(string(home) + "/.cache" + program);
  }
  const char* temporary = folder_variable("TMPDIR");
  folders.push_back(string(temporary == nullptr ? "/tmp" : temporary) + "/rocketkv-" + std::to_string(geteuid()));
  return folders;
}

void check_private(const string& folder) {
  // Deno takes lists of paths apart at commas, and its permissions are such lists.
  if (folder.find(',') != folder.npos) throw Unusable("its path has a comma");
  struct stat found;
  if (lstat(folder.c_str(), &found) != 0) throw Unusable::by_errno();
  if (!S_ISDIR(found.st_mode)) throw Unusable("it is not a folder");
  if (found.st_uid != geteuid()) throw Unusable("it belongs to another user");
  if ((found.st_mode & (S_IWGRP | S_IWOTH)) != 0) throw Unusable("others may write to it");
}

void make_private(const string& folder) {
  for (size_t end = folder.find('/', 1); end != folder.npos; end = folder.find('/', end + 1)) {
    // A folder on the way that cannot be made is missed by the last one.
    mkdir(folder.substr(0, end).c_str(), 0700);
  }
  if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) throw Unusable::by_errno();
}

}  // namespace launcher
