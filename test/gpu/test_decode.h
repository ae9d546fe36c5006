// One decode step's heads on the host and on the device, for select and attend.
#pragma once

#include "test_cache.h"

namespace rkv::test {

/// A plan that selects PAGES: page_size 3, half of the dims.
rkv_plan page_plan(int top_k, int d, int page_size = 3);
rkv_plan exact_plan(int top_k, int rank);

/// Heads of one plan; every KV head has its own cache, query and lists, and with mean_value a mass. Bounds and sums of
/// V are built by the CPU.
class TestDecode {
 public:
  /// @param n_sinks  Candidates that meet a query of their own.
  TestDecode(const CacheShape& shape, int n_kv_heads, int group, const rkv_plan& plan, uint64_t seed, int first = 0,
             int n_sinks = 0);
  TestDecode(const TestDecode&) = delete;

  std::vector<DecodeHead> host() { return heads(false); }
  std::vector<DecodeHead> device() { return heads(true); }
  /// Select on both sides and compare lists, counts and counters.
  void compare_select(const char* what);
  /// @param select  Attend to selections that the CPU has made; otherwise to all candidates.
  void compare_attend(bool select, float tolerance, const char* what);
  /// Compare what the device has selected and attended to with the CPU doing both.
  void check_results(const char* what);
  void set_query(const std::vector<float>& q);

 private:
  std::vector<DecodeHead> heads(bool on_device);
  void check_lists(const char* what) const;
  int n_lists() const { return plan_.rank == RKV_RANK_PER_HEAD ? group_ : 1; }

  const CacheShape shape_;
  const int group_, first_, n_sinks_;
  const rkv_plan plan_;
  TestCaches caches_;
  int pitch_ = 0;
  size_t bounds_bytes_ = 0;  // of a head
  std::vector<uint8_t> bounds_;
  std::vector<float> q_, q_sinks_, out_, value_sum_, mass_;
  std::vector<int32_t> selected_, n_selected_;
  std::unique_ptr<DeviceArray<uint8_t>> device_bounds_;
  std::unique_ptr<DeviceArray<float>> device_q_, device_q_sinks_, device_out_, device_value_sum_, device_mass_;
  std::unique_ptr<DeviceArray<int32_t>> device_selected_, device_n_selected_;
};

}  // namespace rkv::test
