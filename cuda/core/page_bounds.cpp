#include "core/page_bounds.h"

namespace rkv {
namespace {

int pages_of(int candidates, int page_size) { return candidates <= 0 ? 0 : (candidates - 1) / page_size + 1; }

}  // namespace

PageBounds::PageBounds(Ops& ops, const CacheShape& shape, int page_size, const std::vector<int>& candidates)
    : page_size_(page_size) {
  size_t bytes = 0;
  for (const int n : candidates) {
    const int pages = pages_of(n, page_size);
    // Room for a quarter more, in whole 16s: rows of a chosen dim stay contiguous and are read in full vectors.
    pitch_.push_back(n < 0 ? 0 : (pages + pages / 4 + 31) / 16 * 16);
    offset_.push_back(bytes);
    bytes += 2 * shape.row_bytes() * pitch_.back();
  }
  data_ = Buffer(ops, bytes);
}

bool PageBounds::has_room(const std::vector<int>& candidates) const {
  for (size_t i = 0; i < candidates.size(); i++) {
    if (has(i) && pages_of(candidates[i], page_size_) > pitch_[i]) return false;
  }
  return true;
}

Bounds PageBounds::list(size_t i) const {
  if (!has(i)) return {nullptr, 0, 1};
  return {data_.as<uint8_t>() + offset_[i], pitch_[i], page_size_};
}

}  // namespace rkv
