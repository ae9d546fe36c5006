// A layer's cache in a session file: sizes, then head by head its rows (coded ones first), lists and sums.
#include <algorithm>
#include <array>

#include "core/file_device.h"
#include "core/layer_cache.h"

namespace rkv {
namespace {

enum : int32_t { kHasIndex = 1, kHasAttention = 2, kHasValueSum = 4, kAllParts = 7 };

struct Part {
  const void* data;
  size_t bytes;
};

/// Everything of a run but its positions.
std::array<Part, 4> parts_of(const Run& run, const CacheShape& shape) {
  const auto n = static_cast<size_t>(run.n), d = static_cast<size_t>(shape.head_dim);
  const KvCodes& codes = run.codes;
  if (codes.bits == 0) return {{{run.k, n * shape.row_bytes()}, {run.v, n * shape.row_bytes()}}};
  const size_t row_bytes = d * codes.bits / 8, scales = n / codes.group * d * 2 * sizeof(uint16_t);
  return {{{run.k, n * row_bytes}, {run.v, n * row_bytes}, {codes.k_scale, scales}, {codes.v_scale, scales}}};
}

/// Positions and slots index memory later on: check them.
std::vector<int32_t> read_numbers(CheckedReader& file, int count, int limit, bool ascending) {
  std::vector<int32_t> numbers(static_cast<size_t>(count));
  file.read(numbers.data(), sizeof(int32_t) * numbers.size());
  for (size_t i = 0; i < numbers.size(); i++) {
    if (numbers[i] < 0 || numbers[i] >= limit || (ascending && i > 0 && numbers[i] <= numbers[i - 1])) {
      file.damaged("a position is out of range");
    }
  }
  return numbers;
}

}  // namespace

void LayerCache::write(AtomicWriter& file, Model& model, const CacheShape& shape) const {
  Ops& ops = model.ops();
  file.value(static_cast<int32_t>(n_heads()));
  if (heads_.empty()) return;
  file.value(static_cast<int32_t>((index_ != nullptr ? kHasIndex : 0) | (attention_ != nullptr ? kHasAttention : 0) |
                                  (value_sum_ != nullptr ? kHasValueSum : 0)));
  file.value(static_cast<int32_t>(n_lists()));
  for (const Head& head : heads_) {
    int32_t coded = 0;
    for (const Run& run : head.runs) coded += run.codes.bits != 0 ? run.n : 0;
    file.value(coded);
    file.value(static_cast<int32_t>(head.slots - coded));
  }
  for (int h = 0; h < n_heads(); h++) {
    for (const bool coded : {true, false}) {
      for (size_t part = 0; part < 4; part++) {
        for (const Run& run : heads_[h].runs) {
          if ((run.codes.bits != 0) != coded) continue;
          const auto [data, bytes] = parts_of(run, shape)[part];
          write_device(file, ops, data, bytes);
        }
      }
    }
    for (const Run& run : heads_[h].runs) write_device(file, ops, run.position, sizeof(int32_t) * run.n);
    for (int list = 0; index_ != nullptr && list < n_lists(); list++) {
      file.value(static_cast<int32_t>(index_->count(h, list)));
      write_device(file, ops, index_->slots(h, list), sizeof(int32_t) * index_->count(h, list));
    }
    if (attention_ != nullptr) write_device(file, ops, attention(h), sizeof(float) * slots(h));
    if (value_sum_ != nullptr) write_device(file, ops, value_sum(h), sizeof(float) * shape.head_dim);
  }
}

void LayerCache::read(CheckedReader& file, Model& model, const CacheShape& shape, const rkv_session_options& options,
                      int n_tokens, bool ordered) {
  *this = LayerCache();
  Ops& ops = model.ops();
  const auto n_heads = file.value<int32_t>();
  if (n_heads == 0) return;
  const auto parts = file.value<int32_t>(), lists = file.value<int32_t>();
  const int group = model.group();
  if (n_heads != shape.n_kv_heads || (parts & ~kAllParts) != 0 || (lists != 1 && lists != group)) {
    file.damaged("a count is out of range");
  }
  const KvCoding coding{options.kv_bits, options.kv_group};
  std::vector<int> coded, plain;
  for (int h = 0; h < n_heads; h++) {
    coded.push_back(read_count(file, n_tokens, 1));
    plain.push_back(read_count(file, n_tokens - coded.back(), 2 * shape.row_bytes()));
    if (coded.back() > 0 && (coding.bits == 0 || coded.back() % coding.group != 0)) {
      file.damaged("a count is out of range");
    }
  }
  heads_.resize(static_cast<size_t>(n_heads));
  KvBlock* const plain_block = add_block(std::make_shared<KvBlock>(model, shape, plain));
  const bool any_coded = std::any_of(coded.begin(), coded.end(), [](int n) { return n > 0; });
  KvBlock* const code_block = any_coded ? add_block(std::make_shared<KvBlock>(model, shape, coded, coding)) : nullptr;
  std::vector<int> slots;
  for (int h = 0; h < n_heads; h++) slots.push_back(coded[h] + plain[h]);
  if ((parts & kHasAttention) != 0) attention_ = std::make_shared<SlotSums>(ops, slots);
  if ((parts & kHasValueSum) != 0) {
    value_sum_ = std::make_shared<Buffer>(ops, sizeof(float) * n_heads * shape.head_dim);
  }
  std::vector<Buffer> index;
  std::vector<const int32_t*> index_slots;
  std::vector<int32_t> index_counts;
  for (int h = 0; h < n_heads; h++) {
    Head& head = heads_[h];
    head.slots = slots[h];
    if (coded[h] > 0) head.segments.push_back({code_block, 0, coded[h]});
    head.segments.push_back({plain_block, 0, plain[h]});
    for (const Segment& s : head.segments) {
      s.block->filled[h] = s.end;
      for (const auto& [data, bytes] : parts_of(s.block->run(h, 0, s.end), shape)) {
        read_device(file, ops, const_cast<void*>(data), bytes);
      }
    }
    const std::vector<int32_t> position = read_numbers(file, slots[h], n_tokens, ordered);
    if (coded[h] > 0) ops.upload(code_block->position(h, 0), position.data(), sizeof(int32_t) * coded[h]);
    ops.upload(plain_block->position(h, 0), position.data() + coded[h], sizeof(int32_t) * plain[h]);
    refresh_runs(h);
    for (int list = 0; (parts & kHasIndex) != 0 && list < lists; list++) {
      const int count = read_count(file, slots[h], sizeof(int32_t));
      const std::vector<int32_t> numbers = read_numbers(file, count, slots[h], true);
      Buffer& device = index.emplace_back(ops, sizeof(int32_t) * std::max<size_t>(numbers.size(), 1));
      ops.upload(device.as(), numbers.data(), sizeof(int32_t) * numbers.size());
      index_slots.push_back(device.as<int32_t>()), index_counts.push_back(count);
    }
    if (attention_ != nullptr) read_device(file, ops, attention(h), sizeof(float) * slots[h]);
    if (value_sum_ != nullptr) read_device(file, ops, value_sum(h), sizeof(float) * shape.head_dim);
  }
  if ((parts & kHasIndex) != 0) index_ = std::make_shared<IndexLists>(ops, lists, index_slots, index_counts);
}

}  // namespace rkv
