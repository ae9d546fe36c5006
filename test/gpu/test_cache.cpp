#include "test_cache.h"

#include <cstring>

namespace rkv::test {

std::vector<uint8_t> to_dtype(const std::vector<float>& values, DType kv) {
  std::vector<uint8_t> bytes(static_cast<size_t>(row_bytes(kv, static_cast<int64_t>(values.size()))));
  const std::vector<uint16_t> rounded = to_bf16(values);
  if (!bytes.empty())
    std::memcpy(bytes.data(), kv == RKV_F32 ? static_cast<const void*>(values.data()) : rounded.data(), bytes.size());
  return bytes;
}

std::vector<float> from_dtype(const std::vector<uint8_t>& bytes, DType kv) {
  std::vector<float> plain(bytes.size() / 4);
  std::vector<uint16_t> rounded(bytes.size() / 2);
  if (!bytes.empty())
    std::memcpy(kv == RKV_F32 ? static_cast<void*>(plain.data()) : rounded.data(), bytes.data(), bytes.size());
  return kv == RKV_F32 ? plain : from_bf16(rounded);
}

TestCache::RunMemory::RunMemory(const std::vector<float>& k, const std::vector<float>& v,
                                const std::vector<int32_t>& positions, DType kv)
    : k(to_dtype(k, kv)),
      v(to_dtype(v, kv)),
      position(positions),
      device_k(this->k),
      device_v(this->v),
      device_position(positions) {}

TestCache::TestCache(const CacheShape& shape, uint64_t seed) : index_(shape.index), device_index_(shape.index) {
  int32_t position = 0;
  for (const int n : shape.runs) {
    std::vector<int32_t> positions = random_ints(static_cast<size_t>(n), seed + 2, shape.gap + 1);
    for (int32_t& p : positions) p = position += 1 + p;
    const size_t count = static_cast<size_t>(n) * static_cast<size_t>(shape.d);
    memory_.emplace_back(random_floats(count, seed), random_floats(count, seed + 1), positions, shape.kv);
    const RunMemory& m = memory_.back();
    host_runs_.push_back({m.k.data(), m.v.data(), m.position.data(), n});
    device_runs_.push_back({m.device_k.data(), m.device_v.data(), m.device_position.data(), n});
    slots_ += n;
    seed += 3;
  }
}

HeadCache TestCache::view(const std::vector<Run>& runs, const int32_t* index) const {
  return {runs.data(), static_cast<int32_t>(runs.size()), slots_, index_.empty() ? nullptr : index,
          static_cast<int32_t>(index_.size())};
}

TestCaches::TestCaches(const CacheShape& shape, int n_heads, uint64_t seed) {
  for (int h = 0; h < n_heads; h++) caches_.emplace_back(shape, seed + 100 * static_cast<uint64_t>(h));
}

std::vector<HeadCache> TestCaches::host() const {
  std::vector<HeadCache> views;
  for (const TestCache& cache : caches_) views.push_back(cache.host());
  return views;
}

std::vector<HeadCache> TestCaches::device() const {
  std::vector<HeadCache> views;
  for (const TestCache& cache : caches_) views.push_back(cache.device());
  return views;
}

}  // namespace rkv::test
