#include "core/file_io.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/failure.h"

namespace rkv {

AtomicWriter::AtomicWriter(const std::string& path)
    : path_(path),
      temporary_(path + ".part-" + std::to_string(::getpid())),
      file_(std::fopen(temporary_.c_str(), "wbx")) {
  if (file_ == nullptr) fail(RKV_E_IO, "cannot write \"%s\": %s", temporary_.c_str(), std::strerror(errno));
}

AtomicWriter::~AtomicWriter() {
  if (file_ == nullptr) return;
  std::fclose(file_);
  ::unlink(temporary_.c_str());
}

void AtomicWriter::give_up(const char* what) {
  fail(RKV_E_IO, "cannot %s \"%s\": %s", what, path_.c_str(), std::strerror(errno));
}

void AtomicWriter::write(const void* data, size_t bytes) {
  if (bytes > 0 && std::fwrite(data, 1, bytes, file_) != bytes) give_up("write");
  hash_.update(data, bytes);
}

void AtomicWriter::commit() {
  const uint64_t sum = hash_.value();
  if (std::fwrite(&sum, 1, sizeof sum, file_) != sizeof sum) give_up("write");
  if (std::fflush(file_) != 0 || ::fsync(::fileno(file_)) != 0) give_up("write");
  if (std::rename(temporary_.c_str(), path_.c_str()) != 0) give_up("replace");
  std::fclose(file_);
  file_ = nullptr;
}

CheckedReader::CheckedReader(const std::string& path) : path_(path), file_(std::fopen(path.c_str(), "rb")) {
  if (file_ == nullptr) fail(RKV_E_IO, "cannot open \"%s\": %s", path.c_str(), std::strerror(errno));
  struct stat info = {};
  if (::fstat(::fileno(file_), &info) == 0 && S_ISREG(info.st_mode) && info.st_size >= 8) {
    remaining_ = static_cast<uint64_t>(info.st_size) - sizeof(uint64_t);
  }
}

CheckedReader::~CheckedReader() { std::fclose(file_); }

void CheckedReader::damaged(const char* what) const {
  fail(RKV_E_IO, "cannot read session \"%s\": %s", path_.c_str(), what);
}

void CheckedReader::read(void* data, size_t bytes) {
  if (bytes > remaining_ || std::fread(data, 1, bytes, file_) != bytes) damaged("the file is truncated");
  remaining_ -= bytes;
  hash_.update(data, bytes);
}

void CheckedReader::finish() {
  uint64_t sum = 0;
  if (remaining_ != 0) damaged("the file is longer than its contents");
  if (std::fread(&sum, 1, sizeof sum, file_) != sizeof sum) damaged("the file is truncated");
  if (sum != hash_.value()) damaged("the checksum does not match");
}

}  // namespace rkv
