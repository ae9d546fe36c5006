// Checksummed binary files that are either whole or not there.
#pragma once

#include <cstdio>
#include <string>

#include "core/hash.h"

namespace rkv {

/// Writes to a temporary file beside `path`; commit() syncs it and renames it into place, the destructor removes it.
class AtomicWriter {
 public:
  explicit AtomicWriter(const std::string& path);
  ~AtomicWriter();
  AtomicWriter(const AtomicWriter&) = delete;
  AtomicWriter& operator=(const AtomicWriter&) = delete;

  void write(const void* data, size_t bytes);
  template <class T>
  void value(const T& x) {
    write(&x, sizeof x);
  }
  /// Append the checksum of everything written and put the file in place.
  void commit();

 private:
  [[noreturn]] void give_up(const char* what);

  std::string path_, temporary_;
  std::FILE* file_;
  Hash hash_;
};

/// Reads what AtomicWriter wrote. Every failure is RKV_E_IO and names the file.
class CheckedReader {
 public:
  explicit CheckedReader(const std::string& path);
  ~CheckedReader();
  CheckedReader(const CheckedReader&) = delete;
  CheckedReader& operator=(const CheckedReader&) = delete;

  void read(void* data, size_t bytes);
  template <class T>
  T value() {
    T x;
    read(&x, sizeof x);
    return x;
  }
  /// Bytes not read yet, checksum excluded: an upper limit for any count in the file.
  uint64_t remaining() const { return remaining_; }
  /// Check the checksum; nothing may be left.
  void finish();
  [[noreturn]] void damaged(const char* what) const;

 private:
  std::string path_;
  std::FILE* file_;
  uint64_t remaining_ = 0;
  Hash hash_;
};

}  // namespace rkv
