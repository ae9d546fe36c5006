#include "unpack.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <deque>
#include <filesystem>

#include "cache_folder.h"
#include "failure.h"
#include "frame.h"
#include "open_file.h"
#include "sha256.h"

namespace launcher {
namespace {

using std::string;

/// A name appears when everything behind it is complete. A disk that forbids to run programs is as good as no folder.
bool is_unpacked(const string& folder) { return access((folder + "/deno").c_str(), X_OK) == 0; }

void write_all(int file, const uint8_t* bytes, size_t count) {
  while (count > 0) {
    const ssize_t written = write(file, bytes, count);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw Unusable::by_errno();
    bytes += written, count -= static_cast<size_t>(written);
  }
}

/// @throws Failure when it is not the file that was packed; Unusable when it cannot be written.
void unpack_file(Frame& frame, const PackedFile& packed, const OpenFile& file) {
  Sha256 hash;
  for (uint64_t left = packed.size; left > 0;) {
    const auto [bytes, count] = frame.next(left);
    if (count == 0) break;
    hash.update(bytes, count);
    write_all(file.number(), bytes, count);
    left -= count;
  }
  if (const string found = hash.hex(); found != packed.sha256) {
    throw Failure(kRun, "Cannot unpack rocketkv as it is damaged: expected " + string(packed.name) + " with SHA-256 " +
                            string(packed.sha256) + ", found " + found + ": download it again");
  }
}

/// Unpack all files. They are on the disk when it returns, so that a folder with its name is whole after a power cut
/// too.
void unpack_files(const Payload& payload, const string& folder) {
  Frame frame(payload.begin, payload.end);
  std::deque<OpenFile> files;
  for (const PackedFile& packed : payload.files) {
    const string path = folder + "/" + string(packed.name);
    make_private(path.substr(0, path.rfind('/')));
    unpack_file(frame, packed, files.emplace_back(path, O_WRONLY | O_CREAT | O_EXCL, packed.mode));
    // The disk may begin, and all are waited for together: one by one takes several times as long.
    sync_file_range(files.back().number(), 0, 0, SYNC_FILE_RANGE_WRITE);
  }
  for (const OpenFile& file : files) {
    if (fdatasync(file.number()) != 0) throw Unusable::by_errno();
  }
}

/// Removes a folder that did not get its name.
struct Unfinished {
  string path;
  ~Unfinished() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
};

/// Unpack below `cache`, unless another process does at the same time, which is waited for. @return The folder.
string unpack(const Payload& payload, const string& cache) {
  make_private(cache);
  check_private(cache);
  const string folder = cache + "/" + string(payload.key);
  const OpenFile lock(folder + ".lock", O_RDWR | O_CREAT, 0600);
  while (flock(lock.number(), LOCK_EX) != 0) {
    if (errno != EINTR) throw Unusable::by_errno();
  }
  if (is_unpacked(folder)) return folder;
  if (isatty(STDERR_FILENO)) std::fprintf(stderr, "Unpacking rocketkv to %s, once\n", folder.c_str());

  // One name for all, under the lock: what a killed process has left goes away here.
  const Unfinished unfinished{folder + ".tmp"};
  std::error_code error;
  std::filesystem::remove_all(unfinished.path, error);
  std::filesystem::remove_all(folder, error);
  make_private(unfinished.path);
  unpack_files(payload, unfinished.path);
  if (!is_unpacked(unfinished.path)) throw Unusable("no program may run there");
  if (rename(unfinished.path.c_str(), folder.c_str()) != 0) throw Unusable::by_errno();
  return folder;
}

/// Whether another start has done the work already.
bool is_ready(const string& cache, const string& folder) {
  try {
    check_private(cache);
    return is_unpacked(folder);
  } catch (const Unusable&) {
    return false;
  }
}

}  // namespace

string unpacked_folder(const Payload& payload) {
  const auto caches = cache_folders();
  for (const string& cache : caches) {
    if (string folder = cache + "/" + string(payload.key); is_ready(cache, folder)) return folder;
  }
  uint64_t bytes = 0;
  for (const PackedFile& file : payload.files) bytes += file.size;
  string reasons;
  for (const string& cache : caches) {
    try {
      return unpack(payload, cache);
    } catch (const Unusable& unusable) {
      reasons += (reasons.empty() ? "" : "; ") + cache + ": " + unusable.what();
    }
  }
  throw Failure(kRun, "Cannot unpack rocketkv: " + reasons + ": set ROCKETKV_CACHE to a folder of yours with " +
                          std::to_string((bytes >> 20) + 1) + " MiB of room");
}

}  // namespace launcher
