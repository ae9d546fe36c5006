#include "frame.h"

#include <zstd.h>

#include <algorithm>
#include <string>

#include "failure.h"

namespace launcher {

constexpr size_t kBytes = 1 << 20;

Frame::Frame(const uint8_t* begin, const uint8_t* end)
    : at_(begin), end_(end), context_(ZSTD_createDCtx()), bytes_(kBytes) {}

void Frame::Free::operator()(ZSTD_DCtx_s* context) const { ZSTD_freeDCtx(context); }

std::pair<const uint8_t*, size_t> Frame::next(uint64_t most) {
  ZSTD_outBuffer out = {bytes_.data(), static_cast<size_t>(std::min<uint64_t>(most, bytes_.size())), 0};
  while (out.pos == 0) {
    ZSTD_inBuffer in = {at_, static_cast<size_t>(end_ - at_), 0};
    const size_t left = ZSTD_decompressStream(context_.get(), &out, &in);
    if (ZSTD_isError(left)) {
      throw Failure(kRun, std::string("Cannot unpack rocketkv as it is damaged: ") + ZSTD_getErrorName(left) +
                              ": download it again");
    }
    if (out.pos == 0 && in.pos == 0) break;
    at_ += in.pos;
    if (left == 0) break;
  }
  return {bytes_.data(), out.pos};
}

}  // namespace launcher
