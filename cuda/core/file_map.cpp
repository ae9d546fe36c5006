#include "core/file_map.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/failure.h"

namespace rkv {

FileMap::FileMap(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) fail(RKV_E_IO, "cannot open \"%s\": %s", path.c_str(), std::strerror(errno));
  struct stat info = {};
  const bool regular = ::fstat(file, &info) == 0 && S_ISREG(info.st_mode);
  void* mapped = MAP_FAILED;
  if (regular && info.st_size > 0) {
    mapped = ::mmap(nullptr, static_cast<size_t>(info.st_size), PROT_READ, MAP_SHARED, file, 0);
  }
  const int error = errno;
  ::close(file);
  if (!regular || info.st_size == 0)
    fail(RKV_E_IO, "cannot map \"%s\": expected a file that is not empty", path.c_str());
  if (mapped == MAP_FAILED) fail(RKV_E_IO, "cannot map \"%s\": %s", path.c_str(), std::strerror(error));
  data_ = static_cast<const uint8_t*>(mapped);
  size_ = static_cast<uint64_t>(info.st_size);
}

FileMap::~FileMap() { ::munmap(const_cast<uint8_t*>(data_), size_); }

const FileMap& FileMaps::open(const std::string& path) {
  auto& map = maps_[path];
  if (map == nullptr) {
    try {
      map = std::make_unique<FileMap>(path);
    } catch (...) {
      maps_.erase(path);
      throw;
    }
  }
  return *map;
}

}  // namespace rkv
