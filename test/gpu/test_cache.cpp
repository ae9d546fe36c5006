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

std::vector<uint16_t> random_scales(size_t count, int bits, uint64_t seed) {
  std::vector<uint16_t> scales;
  for (const int32_t x : random_ints(count, seed, 1 << 13)) {
    const int sign = x >> 12, exponent = 15 - bits - 2 + (x >> 10 & 3), mantissa = x & 1023;
    scales.push_back(static_cast<uint16_t>(sign << 15 | exponent << 10 | mantissa));
  }
  return scales;
}

TestCache::RunMemory::RunMemory(std::vector<uint8_t> k, std::vector<uint8_t> v, std::vector<int32_t> positions,
                                std::vector<uint16_t> k_scale, std::vector<uint16_t> v_scale)
    : k(std::move(k)),
      v(std::move(v)),
      position(std::move(positions)),
      k_scale(std::move(k_scale)),
      v_scale(std::move(v_scale)),
      device_k(this->k),
      device_v(this->v),
      device_position(position),
      device_k_scale(this->k_scale),
      device_v_scale(this->v_scale) {}

TestCache::TestCache(const CacheShape& shape, uint64_t seed) : index_(shape.index), device_index_(shape.index) {
  int32_t position = 0;
  for (int i = 0; i < static_cast<int>(shape.runs.size()); i++) {
    std::vector<int32_t> positions =
        random_ints(static_cast<size_t>(shape.runs[static_cast<size_t>(i)]), seed + 2, shape.gap + 1);
    for (int32_t& p : positions) p = position += 1 + p;
    add_run(shape, i < shape.coded_runs, positions, seed);
    seed += 3;
  }
}

void TestCache::add_run(const CacheShape& shape, bool coded, const std::vector<int32_t>& positions, uint64_t seed) {
  const auto n = static_cast<int32_t>(positions.size());
  const size_t count = positions.size() * static_cast<size_t>(shape.d);
  KvCodes host, device;
  if (coded) {
    const auto bytes = [&](uint64_t seed) {
      std::vector<uint8_t> codes;
      for (const int32_t byte : random_ints(count * static_cast<size_t>(shape.bits) / 8, seed, 256))
        codes.push_back(static_cast<uint8_t>(byte));
      return codes;
    };
    const size_t scales = 2 * count / static_cast<size_t>(shape.code_group);
    memory_.emplace_back(bytes(seed), bytes(seed + 1), positions, random_scales(scales, shape.bits, seed + 2),
                         random_scales(scales, shape.bits, seed + 3));
    const RunMemory& m = memory_.back();
    host = {shape.bits, shape.code_group, m.k_scale.data(), m.v_scale.data()};
    device = {shape.bits, shape.code_group, m.device_k_scale.data(), m.device_v_scale.data()};
  } else {
    memory_.emplace_back(to_dtype(random_floats(count, seed), shape.kv),
                         to_dtype(random_floats(count, seed + 1), shape.kv), positions, std::vector<uint16_t>(),
                         std::vector<uint16_t>());
  }
  const RunMemory& m = memory_.back();
  host_runs_.push_back({m.k.data(), m.v.data(), m.position.data(), n, host});
  device_runs_.push_back({m.device_k.data(), m.device_v.data(), m.device_position.data(), n, device});
  slots_ += n;
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
