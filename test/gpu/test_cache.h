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
};

/// f32 values as `kv` stores them.
std::vector<uint8_t> to_dtype(const std::vector<float>& values, DType kv);
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
    RunMemory(const std::vector<float>& k, const std::vector<float>& v, const std::vector<int32_t>& positions,
              DType kv);
    std::vector<uint8_t> k, v;
    std::vector<int32_t> position;
    DeviceArray<uint8_t> device_k, device_v;
    DeviceArray<int32_t> device_position;
  };
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
