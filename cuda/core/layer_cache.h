// One layer's KV cache of one session: shared blocks of rows, and what is known about the slots in them.
//
// Every KV head has its own number of slots: slot s of a head counts through the head's segments, each a view of a
// block. Copying a LayerCache copies no K or V: that is what makes a fork cheap. Whatever is written in place (the open
// end of a block, rows of heads that drop tokens by score, index lists, bounds, sums) is copied first when another
// cache shares it.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "core/index_lists.h"
#include "core/kv_block.h"
#include "core/page_bounds.h"
#include "core/slot_sums.h"

namespace rkv {

class AtomicWriter;
class CheckedReader;

class LayerCache {
 public:
  // ---- sizes: 0 slots and 1 list while nothing is cached
  int slots(int h) const { return heads_.empty() ? 0 : heads_[h].slots; }
  /// Tokens that a KV head, or with several lists one of its query heads, can attend to.
  int candidates(int h, int list = 0) const { return index_ != nullptr ? index_->count(h, list) : slots(h); }
  int max_candidates() const;
  /// Candidate lists of a KV head: 1, or one for each of its query heads.
  int n_lists() const { return index_ != nullptr ? index_->n_lists() : 1; }

  // ---- views for the ops; valid until the cache changes
  /// Without `indexed` the index lists are left out.
  HeadCache head(int h, bool indexed, int list = 0) const;
  Bounds bounds(int h, int list = 0) const;
  /// Positions of all slots of a KV head, on the host.
  std::vector<int32_t> positions(Ops& ops, int h) const;
  /// Device f32 [slots(h)]: attention received by every slot, or NULL when it is not tracked.
  float* attention(int h) const { return attention_ != nullptr ? attention_->head(h) : nullptr; }
  /// Device f32 [head_dim]: sum of V over the candidates, or NULL when it was not built.
  float* value_sum(int h) const;

  // ---- new tokens
  /// Make room for n more slots, and for `ahead` that follow soon, so that append() of n cannot run out of memory.
  void reserve(Model& model, const CacheShape& shape, int n, int ahead);
  /// Take in n new tokens behind the others, at consecutive positions. k, v: device f32 [n, n_kv_heads, head_dim].
  /// Adds the rows to be written to `rows`: the caller hands them to Ops::rotate_and_append() at once.
  void append(Model& model, const CacheShape& shape, const float* k, const float* v, int first_position, int n,
              std::vector<Append>* rows);
  /// Add the pages that hold the last n candidates to the work for Ops::build_bounds(); nothing without bounds.
  void collect_pages(const CacheShape& shape, int n, std::vector<PageWork>* work) const;
  /// First candidate whose position is at least `position`.
  int first_at(Ops& ops, int h, int list, int position) const;

  // ---- a turn: prefill, then compression, then the state that its decode steps need
  /// Before a prefill: forget index lists, bounds and value sums, and bring slots back into the order of positions.
  void begin_turn(Model& model, const CacheShape& shape);
  /// Keep only slots[h][counts[h]] (device, ascending; NULL: all of them) of every KV head, copied into a block of
  /// their own. Attention sums go along; index lists, bounds and value sums are forgotten.
  void keep(Model& model, const CacheShape& shape, std::span<const int32_t* const> slots,
            std::span<const int32_t> counts);
  /// Attend only to lists of slots [n_kv_heads * n_lists][counts] (device, ascending) from now on, and to what is
  /// appended; drops nothing.
  void set_index(Model& model, const CacheShape& shape, int n_lists, std::span<const int32_t* const> slots,
                 std::span<const int32_t> counts);
  void clear_selection() { index_ = nullptr, bounds_ = nullptr, value_sum_ = nullptr; }
  /// Sum up attention from now on: every slot has a sum, 0 at first. Whoever attends adds to attention(h).
  void track_attention(Model& model, const CacheShape& shape);
  void forget_attention() { attention_ = nullptr; }
  /// KIVI (arXiv:2402.02750): all but the most recent kv_residual tokens become codes, whole groups at a time.
  void quantise(Model& model, const CacheShape& shape, const rkv_session_options& options);
  /// Build page bounds over all candidates of heads that the plan selects from; append() and collect_pages() keep
  /// them up to date from then on.
  void build_pages(Model& model, const CacheShape& shape, const rkv_plan& plan);
  /// Sum up V over the candidates; append() keeps the sum up to date from then on.
  void build_value_sum(Model& model, const CacheShape& shape);
  /// Get ready for the plan's eviction at every step: nothing to do unless it goes by score.
  void prepare_steps(Model& model, const CacheShape& shape, const rkv_plan& plan);

  // ---- eviction at a step
  /// STEP_OLDEST: forget the oldest tokens behind the sinks until step_keep are left, except in dense heads.
  void drop_oldest(const rkv_plan& plan);
  /// Whether the rows of a head may be overwritten in place: one segment of a block that nobody shares.
  bool in_place(int h) const { return !heads_.empty() && heads_[h].in_place; }
  /// View for Ops::evict_step() without score; in_place(h) only.
  StepHead step_head(int h) const;
  /// The last slot's row has taken the place of another one.
  void drop_last(int h);

  void write(AtomicWriter& file, Model& model, const CacheShape& shape) const;
  /// Replace the cache by one from a file; page bounds are not stored. `ordered`: positions must ascend.
  /// @throws Failure RKV_E_IO when it is damaged.
  void read(CheckedReader& file, Model& model, const CacheShape& shape, const rkv_session_options& options,
            int n_tokens, bool ordered);

  int64_t kv_bytes() const;      // reachable K and V
  int64_t own_kv_bytes() const;  // of blocks that no other cache shares
  int64_t aux_bytes() const;     // bounds, index lists, sums of values
  int64_t attention_bytes() const;

 private:
  struct Segment {
    KvBlock* block;  // one of blocks_
    int begin, end;
  };
  struct Head {
    std::vector<Segment> segments;
    std::vector<Run> runs;  // the segments as the ops see them
    int slots = 0;
    bool in_place = false;
  };

  struct Flush;

  int n_heads() const { return static_cast<int>(heads_.size()); }
  bool owned(const KvBlock* block) const;
  /// Slots behind a segment that can be written without touching what others see.
  int room_behind(int h, const Segment& segment) const;
  int open_room(int h) const;  // room behind the last segment
  int wanted_capacity(int h, int n, int ahead) const;
  KvBlock* add_block(std::shared_ptr<KvBlock> block);
  void drop_unused_blocks();
  void refresh_runs(int h);
  std::vector<int> candidate_counts(int extra) const;  // [n_kv_heads * n_lists]
  void reserve_sums(Ops& ops, int n);
  void reserve_pages(Ops& ops, const CacheShape& shape, int n);
  void join_heads(Ops& ops);
  Flush plan_flush(int h, const rkv_session_options& options) const;
  void code_groups(Ops& ops, const CacheShape& shape, const std::vector<Flush>& flushes, KvBlock* codes, KvBlock* plain,
                   KvBlock* gathered);
  /// Append `n` slots of a head, from slot `from` on and not coded, to its rows in `to`.
  void copy_rows(Ops& ops, int h, int from, int n, KvBlock* to) const;
  /// Put the slots of a head, whose rows are in one segment, into the order of positions.
  void sort_slots(Model& model, const CacheShape& shape, int h);

  std::vector<std::shared_ptr<KvBlock>> blocks_;
  std::vector<Head> heads_;  // [n_kv_heads], or empty
  int step_keep_ = 0;        // of heads that are changed in place
  std::shared_ptr<IndexLists> index_;
  std::shared_ptr<PageBounds> bounds_;
  std::shared_ptr<SlotSums> attention_;
  std::shared_ptr<Buffer> value_sum_;  // f32 [n_kv_heads, head_dim]
};

}  // namespace rkv
