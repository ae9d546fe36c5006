#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <string>

#include "cache_folder.h"

namespace launcher {

/// An open file, closed at the end.
class OpenFile {
 public:
  /// @throws Unusable
  OpenFile(const std::string& path, int flags, mode_t mode) : number_(open(path.c_str(), flags | O_CLOEXEC, mode)) {
    if (number_ < 0) throw Unusable::by_errno();
  }
  ~OpenFile() { close(number_); }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  int number() const { return number_; }

 private:
  int number_;
};

}  // namespace launcher
