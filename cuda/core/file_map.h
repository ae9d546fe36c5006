// Read-only mappings of model files.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

namespace rkv {

/// One file, mapped as a whole.
class FileMap {
 public:
  /// @throws Failure RKV_E_IO when the file cannot be opened, is not a regular file or cannot be mapped.
  explicit FileMap(const std::string& path);
  ~FileMap();
  FileMap(const FileMap&) = delete;
  FileMap& operator=(const FileMap&) = delete;

  const uint8_t* data() const { return data_; }
  uint64_t size() const { return size_; }

 private:
  const uint8_t* data_ = nullptr;
  uint64_t size_ = 0;
};

/// The files of one model, each mapped once.
class FileMaps {
 public:
  const FileMap& open(const std::string& path);

 private:
  std::map<std::string, std::unique_ptr<FileMap>> maps_;
};

}  // namespace rkv
