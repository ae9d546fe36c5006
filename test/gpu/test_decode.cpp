#include "test_decode.h"

#include <algorithm>

#include "gpu/kernels.h"

namespace rkv::test {

rkv_plan page_plan(int top_k, int d, int page_size) {
  rkv_plan plan = {};
  plan.struct_size = sizeof plan;
  plan.select = RKV_SELECT_PAGES;
  plan.page_size = page_size;
  plan.query_dims = std::max(1, d / 2);
  plan.top_k = top_k;
  return plan;
}

rkv_plan exact_plan(int top_k, int rank) {
  rkv_plan plan = {};
  plan.struct_size = sizeof plan;
  plan.select = RKV_SELECT_EXACT;
  plan.top_k = top_k;
  plan.rank = rank;
  return plan;
}

TestDecode::TestDecode(const CacheShape& shape, int n_kv_heads, int group, const rkv_plan& plan, uint64_t seed,
                       int first, int n_sinks)
    : shape_(shape), group_(group), first_(first), n_sinks_(n_sinks), plan_(plan), caches_(shape, n_kv_heads, seed) {
  const size_t heads = static_cast<size_t>(n_kv_heads), floats = heads * static_cast<size_t>(group * shape.d);
  q_ = random_floats(floats, seed + 50, -2, 2);
  q_sinks_ = random_floats(floats, seed + 51, -2, 2);
  out_.assign(floats, 0);
  mass_.assign(heads * static_cast<size_t>(group), -1);
  value_sum_.resize(heads * static_cast<size_t>(shape.d));
  for (int h = 0; h < n_kv_heads; h++)
    cpu().sum_values(caches_[h].host(), shape.d, shape.kv, &value_sum_[static_cast<size_t>(h * shape.d)]);
  const size_t lists = heads * static_cast<size_t>(n_lists());
  selected_.assign(lists * static_cast<size_t>(std::max(plan.top_k, 1)), -1);
  n_selected_.assign(lists, -1);
  if (plan.select == RKV_SELECT_PAGES) {
    const int pages = (caches_[0].host().candidates() - 1) / plan.page_size + 1;
    pitch_ = (pages + 15) / 16 * 16;
    bounds_bytes_ = static_cast<size_t>(row_bytes(shape.kv, 2 * shape.d * pitch_));
    bounds_.assign(bounds_bytes_ * heads, 0xff);  // NaN behind the last page
    std::vector<PageWork> work;
    for (int h = 0; h < n_kv_heads; h++) {
      work.push_back(
          {caches_[h].host(), {&bounds_[static_cast<size_t>(h) * bounds_bytes_], pitch_, plan.page_size}, shape.kv, 0});
    }
    cpu().build_bounds(work, shape.d);
  }
  device_bounds_ = std::make_unique<DeviceArray<uint8_t>>(bounds_);
  device_q_ = std::make_unique<DeviceArray<float>>(q_);
  device_out_ = std::make_unique<DeviceArray<float>>(floats);
  device_q_sinks_ = std::make_unique<DeviceArray<float>>(q_sinks_);
  device_value_sum_ = std::make_unique<DeviceArray<float>>(value_sum_);
  device_mass_ = std::make_unique<DeviceArray<float>>(mass_);
  device_selected_ = std::make_unique<DeviceArray<int32_t>>(selected_);
  device_n_selected_ = std::make_unique<DeviceArray<int32_t>>(n_selected_);
}

void TestDecode::set_query(const std::vector<float>& q) {
  q_ = q;
  device_q_->upload(q_);
}

std::vector<DecodeHead> TestDecode::heads(bool on_device) {
  std::vector<DecodeHead> heads;
  for (int h = 0; h < caches_.size(); h++) {
    const size_t at = static_cast<size_t>(h), query = at * static_cast<size_t>(group_ * shape_.d);
    const size_t list = at * static_cast<size_t>(n_lists()), entry = list * static_cast<size_t>(plan_.top_k);
    DecodeHead head = {};
    head.cache = on_device ? caches_[h].device() : caches_[h].host();
    head.bounds = {(on_device ? device_bounds_->data() : bounds_.data()) + at * bounds_bytes_, pitch_, plan_.page_size};
    head.q = (on_device ? device_q_->data() : q_.data()) + query;
    if (n_sinks_ > 0) head.q_sinks = (on_device ? device_q_sinks_->data() : q_sinks_.data()) + query;
    head.n_sinks = n_sinks_;
    head.out = (on_device ? device_out_->data() : out_.data()) + query;
    head.plan = &plan_;
    head.select = plan_.select != RKV_SELECT_ALL;
    head.first = first_;
    head.selected = (on_device ? device_selected_->data() : selected_.data()) + entry;
    head.n_selected = (on_device ? device_n_selected_->data() : n_selected_.data()) + list;
    if (plan_.mean_value != 0) {
      head.value_sum = (on_device ? device_value_sum_->data() : value_sum_.data()) + at * static_cast<size_t>(shape_.d);
      head.mass = (on_device ? device_mass_->data() : mass_.data()) + at * static_cast<size_t>(group_);
    }
    heads.push_back(head);
  }
  return heads;
}

void TestDecode::check_lists(const char* what) const {
  const std::vector<int32_t> counts = device_n_selected_->download(), slots = device_selected_->download();
  check_equal(counts, n_selected_, "%s: tokens selected", what);
  for (size_t list = 0; list < counts.size(); list++) {
    const auto at = static_cast<std::ptrdiff_t>(list) * plan_.top_k;
    const auto entries = [&](const std::vector<int32_t>& all) {
      return std::vector<int32_t>(all.begin() + at, all.begin() + at + counts[list]);
    };
    check_equal(entries(slots), entries(selected_), "%s: list %zu", what, list);
  }
}

void TestDecode::compare_select(const char* what) {
  std::vector<DecodeHead> wanted = host(), found = device();
  cpu().select(wanted, group_, shape_.d, shape_.kv);
  gpu::select(launcher(), scratch(), found, group_, shape_.d, shape_.kv);
  check_lists(what);
  check_close(device_mass_->download(), mass_, 1e-5f, "%s: mass", what);
  for (size_t h = 0; h < found.size(); h++)
    check_equal(found[h].score_read_bytes, wanted[h].score_read_bytes, "%s: bytes read by head %zu", what, h);
}

void TestDecode::check_results(const char* what) {
  std::vector<DecodeHead> wanted = host();
  cpu().select(wanted, group_, shape_.d, shape_.kv);
  cpu().attend(wanted, group_, shape_.d, shape_.kv);
  check_lists(what);
  check_close(device_out_->download(), out_, 1e-4f, "%s: output", what);
}

void TestDecode::compare_attend(bool select, float tolerance, const char* what) {
  std::vector<DecodeHead> wanted = host(), found = device();
  for (DecodeHead& head : wanted) head.select = select;
  for (DecodeHead& head : found) head.select = select;
  if (select) {
    cpu().select(wanted, group_, shape_.d, shape_.kv);
    device_selected_->upload(selected_);
    device_n_selected_->upload(n_selected_);
    device_mass_->upload(mass_);
  }
  cpu().attend(wanted, group_, shape_.d, shape_.kv);
  gpu::attend(launcher(), scratch(), found, group_, shape_.d, shape_.kv);
  check_close(device_out_->download(), out_, tolerance, "%s: output", what);
  for (size_t h = 0; h < found.size(); h++) {
    check_equal(found[h].tokens_attended, wanted[h].tokens_attended, "%s: tokens of head %zu", what, h);
    check_equal(found[h].attend_read_bytes, wanted[h].attend_read_bytes, "%s: bytes of head %zu", what, h);
  }
}

}  // namespace rkv::test
