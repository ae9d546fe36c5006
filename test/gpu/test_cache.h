// A KV head's cache with the same contents on the host and on the device.
#pragma once

#include <deque>

#include "check.h"

namespace rkv::test {

struct CacheShape {
  std::vector<int> runs;  // slots of each
  int d;
  DType kv;
  int gap = 0;                      // positions are 1 to 1 + gap apart
  std::vector<int32_t> index = {};  // slots that may be attended to; none: all
  int coded_runs = 0;               // the first ones hold codes: whole groups
  int bits = 4, code_group = 8;
};

/// A shape whose first runs hold codes.
inline CacheShape coded(CacheShape shape, int runs, int bits, int group) {
  shape.coded_runs = runs, shape.bits = bits, shape.code_group = group;
  return shape;
}

/// f32 values as `kv` stores them.
std::vector<uint8_t> to_dtype(const std::vector<float>& values, DType kv);
/// f16 bits of magnitudes 2^-(bits + 2) to 2^-(bits - 1): codes of that many bits become numbers up to 2.
std::vector<uint16_t> random_scales(size_t count, int bits, uint64_t seed);
std::vector<float> from_dtype(const std::vector<uint8_t>& bytes, DType kv);

/// Runs lie in memory of their own, so that a read past one is seen.
class TestCache {
 public:
  TestCache(const CacheShape& shape, uint64_t seed);
  TestCache(const TestCache&) = delete;
  HeadCache host() const { return view(host_runs_, index_.data()); }
  HeadCache device() const { return view(device_runs_, device_index_.data()); }

 private:
  struct RunMemory {
    RunMemory(std::vector<uint8_t> k, std::vector<uint8_t> v, std::vector<int32_t> positions,
              std::vector<uint16_t> k_scale, std::vector<uint16_t> v_scale);
    std::vector<uint8_t> k, v;
    std::vector<int32_t> position;
    std::vector<uint16_t> k_scale, v_scale;  // f16
    DeviceArray<uint8_t> device_k, device_v;
    DeviceArray<int32_t> device_position;
    DeviceArray<uint16_t> device_k_scale, device_v_scale;
  };
  void add_run(const CacheShape& shape, bool coded, const std::vector<int32_t>& positions, uint64_t seed);
  HeadCache view(const std::vector<Run>& runs, const int32_t* index) const;

  std::deque<RunMemory> memory_;
  std::vector<Run> host_runs_, device_runs_;
  int slots_ = 0;
  std::vector<int32_t> index_;
  DeviceArray<int32_t> device_index_;
};

/// Several KV heads of one shape and different contents, for ops that take all heads of a layer.
class TestCaches {
 public:
  TestCaches(const CacheShape& shape, int n_heads, uint64_t seed);
  int size() const { return static_cast<int>(caches_.size()); }
  const TestCache& operator[](int head) const { return caches_[static_cast<size_t>(head)]; }
  std::vector<HeadCache> host() const;
  std::vector<HeadCache> device() const;

 private:
  std::deque<TestCache> caches_;
};

}  // namespace rkv::test
