// One layer's KV cache of one session: shared immutable blocks, an optional index list, optional page bounds.
//
// Copying a LayerCache copies no K or V: that is what makes a fork cheap. A block's rows never change once written, and
// only a block that nobody else shares is appended to: whoever shares one goes on in a block of its own.
#pragma once

#include <memory>
#include <vector>

#include "core/buffer.h"
#include "core/model.h"

namespace rkv {

class AtomicWriter;
class CheckedReader;

/// Shape of a session's cache.
struct CacheShape {
  int n_kv_heads, head_dim;
  DType kv;
  size_t row_bytes() const { return static_cast<size_t>(head_dim) * block_bytes(kv); }
};

/// Memory for `capacity` slots of every KV head: K and V [n_kv_heads, capacity, head_dim], positions [n_kv_heads,
/// capacity].
class KvBlock {
 public:
  KvBlock(Model& model, const CacheShape& shape, int capacity);
  ~KvBlock();
  KvBlock(const KvBlock&) = delete;
  KvBlock& operator=(const KvBlock&) = delete;

  void* k(int head, int slot) const { return row(k_, head, slot); }
  void* v(int head, int slot) const { return row(v_, head, slot); }
  int32_t* position(int head, int slot) const {
    return position_.as<int32_t>() + static_cast<size_t>(head) * capacity + slot;
  }
  int64_t kv_bytes() const { return static_cast<int64_t>(k_.bytes() + v_.bytes()); }

  const CacheShape shape;
  const int capacity;
  int filled = 0;  // slots written so far

 private:
  void* row(const Buffer& rows, int head, int slot) const {
    return rows.as<uint8_t>() + (static_cast<size_t>(head) * capacity + slot) * shape.row_bytes();
  }
  Model& model_;
  Buffer k_, v_, position_;
};

class LayerCache {
 public:
  /// Slots in the cache, and tokens that can be attended to (fewer with an index list).
  int slots() const { return slots_; }
  int candidates() const { return index_ != nullptr ? index_->count : slots_; }

  /// Make room for n more slots, and for `ahead` that follow soon, so that append() of n cannot run out of memory.
  void reserve(Model& model, const CacheShape& shape, int n, int ahead);
  /// Take in n new tokens behind the others, at consecutive positions. k, v: device f32 [n, n_kv_heads, head_dim].
  /// Adds the rows to be written to `rows`: the caller hands them to Ops::rotate_and_append() at once.
  void append(Model& model, const CacheShape& shape, const float* k, const float* v, int first_position, int n,
              std::vector<Append>* rows);
  /// Add the pages that hold candidates from `from` on to the work for Ops::build_bounds(); nothing without bounds.
  void collect_pages(int from, std::vector<PageWork>* work) const;

  /// View of one KV head for the ops; valid until the cache changes. Without `indexed` the index list is left out.
  HeadCache head(int h, bool indexed) const;
  Bounds bounds(int h) const;

  /// Keep only slots[n_kv_heads, n] (device, ascending), copied into a block of their own.
  void keep(Model& model, const CacheShape& shape, const int32_t* slots, int n);
  /// Attend only to slots[n_kv_heads, n] from now on, and to what is appended; drops nothing.
  void set_index(Model& model, const CacheShape& shape, const int32_t* slots, int n);
  void clear_selection() { index_ = nullptr, bounds_ = nullptr; }
  /// Build page bounds over all candidates; collect_pages() keeps them up to date from then on.
  void build_pages(Model& model, const CacheShape& shape, int page_size);
  /// First candidate of a KV head whose position is at least `position`.
  int first_at(Ops& ops, int h, int position) const;
  /// Forget the oldest tokens behind the first `sinks` ones until `limit` are left.
  void drop_oldest(int sinks, int limit);

  void write(AtomicWriter& file, Model& model, const CacheShape& shape) const;
  /// Replace the cache by one from a file; page bounds are not stored. @throws Failure RKV_E_IO when it is damaged.
  void read(CheckedReader& file, Model& model, const CacheShape& shape, int n_tokens);

  int64_t kv_bytes() const;      // reachable K and V
  int64_t own_kv_bytes() const;  // of blocks that no other cache shares
  int64_t aux_bytes() const;     // bounds, index list, positions

 private:
  struct Segment {
    std::shared_ptr<KvBlock> block;
    int begin, end;
  };
  struct Index {
    Buffer slots;  // i32 [n_kv_heads, capacity]
    int capacity, count;
  };
  struct Pages {
    Buffer data;  // [n_kv_heads, 2, head_dim, pitch]
    int page_size, pitch;
    bool stale;  // memory is new: all pages must be filled again
  };

  void refresh_runs();
  void reserve_index(Ops& ops, const CacheShape& shape, int n);
  void reserve_pages(Ops& ops, const CacheShape& shape, int page_size, int n);

  std::vector<Segment> segments_;
  std::vector<Run> runs_;  // [n_kv_heads, n_runs]
  int n_runs_ = 0;
  int slots_ = 0;
  std::shared_ptr<Index> index_;
  std::shared_ptr<Pages> bounds_;
};

}  // namespace rkv
