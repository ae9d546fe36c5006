#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

struct ZSTD_DCtx_s;

namespace launcher {

/// A zstd frame in memory, read from front to back.
class Frame {
 public:
  Frame(const uint8_t* begin, const uint8_t* end);

  /// The next bytes: at most `most`, at least one unless the frame has ended. Good until the next call.
  /// @throws Failure for a frame that is damaged.
  std::pair<const uint8_t*, size_t> next(uint64_t most);

 private:
  struct Free {
    void operator()(ZSTD_DCtx_s* context) const;
  };

  const uint8_t* at_;
  const uint8_t* end_;
  std::unique_ptr<ZSTD_DCtx_s, Free> context_;
  std::vector<uint8_t> bytes_;
};

}  // namespace launcher
