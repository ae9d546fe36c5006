#include "core/evict.h"

#include <algorithm>
#include <numeric>

#include "core/choose.h"
#include "core/plan.h"

namespace rkv {
namespace {

/// Slots that stay, on the device: n_lists ascending lists for every KV head; NULL where everything stays.
struct KeptSlots {
  KeptSlots(const LayerCache& cache, int n_kv_heads, int lists) : n_lists(lists) {
    for (int h = 0; h < n_kv_heads; h++) counts.insert(counts.end(), static_cast<size_t>(lists), cache.slots(h));
    slots.assign(counts.size(), nullptr);
  }

  /// Copy a list to the device.
  const int32_t* upload(Ops& ops, const std::vector<int32_t>& list) {
    memory.push_back(upload_copy(ops, list));
    return memory.back().as<int32_t>();
  }

  void set(int kv_head, int list, const int32_t* device, int count) {
    const size_t at = static_cast<size_t>(kv_head) * n_lists + list;
    slots[at] = device, counts[at] = count;
  }

  /// Write out the lists of heads that keep everything.
  void list_all(Ops& ops) {
    std::vector<int32_t> all(static_cast<size_t>(*std::max_element(counts.begin(), counts.end())));
    std::iota(all.begin(), all.end(), 0);
    const int32_t* device = upload(ops, all);
    std::replace(slots.begin(), slots.end(), static_cast<const int32_t*>(nullptr), device);
  }

  int n_lists;
  std::vector<const int32_t*> slots;  // [n_kv_heads * n_lists]
  std::vector<int32_t> counts;
  std::vector<Buffer> memory;
};

class Eviction {
 public:
  Eviction(Session& session, int layer, const rkv_plan& plan, const Evidence& evidence)
      : s_(session),
        ops_(session.model.ops()),
        cache_(session.layers[static_cast<size_t>(layer)].cache),
        layer_(layer),
        plan_(plan),
        evidence_(evidence) {
    for (int h = 0; h < s_.shape.n_kv_heads; h++) {
      if (!is_dense_head(plan, h) && cache_.slots(h) > plan.keep) full_heads_.push_back(h);
    }
  }

  void run() {
    if (full_heads_.empty()) return;
    if (plan_.evict == RKV_EVICT_RECENT) return keep_lists(sinks_and_recent());
    const Scores scores = score_tokens(s_, layer_, plan_, evidence_, full_heads_);
    const int recent = recent_tokens(plan_, evidence_.n_queries);
    if (is_plain_choice(plan_, scores)) {
      keep_best(scores, recent);
    } else {
      keep_lists(choose_tokens(s_, layer_, plan_, scores, recent));
    }
  }

 private:
  /// StreamingLLM: the first `sinks` and the most recent tokens.
  SlotLists sinks_and_recent() const {
    SlotLists lists;
    for (const int h : full_heads_) {
      std::vector<int32_t> slots(static_cast<size_t>(plan_.keep));
      std::iota(slots.begin(), slots.begin() + plan_.sinks, 0);
      std::iota(slots.begin() + plan_.sinks, slots.end(), cache_.slots(h) - (plan_.keep - plan_.sinks));
      lists.push_back({std::move(slots)});
    }
    return lists;
  }

  /// The choice of every head on the device.
  void keep_best(const Scores& scores, int recent) {
    KeptSlots kept(cache_, s_.shape.n_kv_heads, 1);
    std::vector<KeepHead> choices;
    for (size_t i = 0; i < scores.n_heads(); i++) {
      const int n = scores.n_scored[i], keep = plan_.keep - recent;
      kept.memory.emplace_back(ops_, sizeof(int32_t) * plan_.keep);
      int32_t* slots = kept.memory.back().as<int32_t>();
      choices.push_back(
          {scores.row(i), n, keep, plan_.sinks, plan_.pool, plan_.pool_width, plan_.tie_by_position != 0, slots});
      std::vector<int32_t> last(static_cast<size_t>(recent));
      std::iota(last.begin(), last.end(), n);
      if (recent > 0) ops_.upload(slots + keep, last.data(), sizeof(int32_t) * last.size());
      kept.set(scores.kv_heads[i], 0, slots, plan_.keep);
    }
    ops_.keep_best(choices);
    apply(std::move(kept));
  }

  void keep_lists(const SlotLists& lists) {
    const int n_lists = static_cast<int>(lists[0].size());
    if (n_lists == 1 || plan_.keep_history != 0) return apply(upload(lists, n_lists));
    // Query heads of a group share memory: what any of them keeps stays, and each goes by its own list of it.
    SlotLists unions, renumbered;
    for (const auto& own : lists) {
      std::vector<int32_t> all;
      for (const auto& list : own) all.insert(all.end(), list.begin(), list.end());
      std::sort(all.begin(), all.end());
      all.erase(std::unique(all.begin(), all.end()), all.end());
      renumbered.push_back(own);
      for (auto& list : renumbered.back()) {
        for (int32_t& slot : list) {
          slot = static_cast<int32_t>(std::lower_bound(all.begin(), all.end(), slot) - all.begin());
        }
      }
      unions.push_back({std::move(all)});
    }
    apply(upload(unions, 1));
    apply_index(upload(renumbered, n_lists));
  }

  KeptSlots upload(const SlotLists& lists, int n_lists) {
    KeptSlots kept(cache_, s_.shape.n_kv_heads, n_lists);
    for (size_t i = 0; i < lists.size(); i++) {
      for (int l = 0; l < n_lists; l++) {
        const std::vector<int32_t>& list = lists[i][static_cast<size_t>(l)];
        kept.set(full_heads_[i], l, kept.upload(ops_, list), static_cast<int>(list.size()));
      }
    }
    return kept;
  }

  void apply(KeptSlots kept) {
    if (plan_.keep_history != 0) return apply_index(std::move(kept));
    cache_.keep(s_.model, s_.shape, kept.slots, kept.counts);
  }

  void apply_index(KeptSlots kept) {
    kept.list_all(ops_);
    cache_.set_index(s_.model, s_.shape, kept.n_lists, kept.slots, kept.counts);
  }

  Session& s_;
  Ops& ops_;
  LayerCache& cache_;
  const int layer_;
  const rkv_plan& plan_;
  const Evidence& evidence_;
  std::vector<int> full_heads_;  // KV heads that lose tokens
};

}  // namespace

void evict_layer(Session& session, int layer, const rkv_plan& plan, const Evidence& evidence) {
  if (plan.evict != RKV_EVICT_NONE) Eviction(session, layer, plan, evidence).run();
}

}  // namespace rkv
