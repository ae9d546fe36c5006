#include "core/sparse_prefill.h"

#include <algorithm>
#include <numeric>

namespace rkv {
namespace {

constexpr int kVoters = 64;  // last queries that choose columns and diagonals

Buffer slots_up_to(Ops& ops, int n) {
  std::vector<int32_t> slots(static_cast<size_t>(n));
  std::iota(slots.begin(), slots.end(), 0);
  return upload_copy(ops, slots);
}

}  // namespace

bool SparsePrefill::applies(const Session& session, int layer, int n) {
  const std::vector<rkv_pattern>& patterns = session.patterns[static_cast<size_t>(layer)];
  const LayerCache& cache = session.layers[static_cast<size_t>(layer)].cache;
  for (int h = 1; h < session.shape.n_kv_heads; h++) {
    if (cache.slots(h) != cache.slots(0)) return false;
  }
  return n > 1 && std::any_of(patterns.begin(), patterns.end(),
                              [&](const rkv_pattern& pattern) { return hides_slots(pattern, cache.slots(0) + n); });
}

SparsePrefill::SparsePrefill(const Session& session, int layer, int n)
    : s_(session),
      model_(session.model),
      cache_(session.layers[static_cast<size_t>(layer)].cache),
      patterns_(session.patterns[static_cast<size_t>(layer)]),
      n_(n),
      before_(cache_.slots(0)),
      padding_(before_ % kPatternBlock),
      q_(model_.ops(), sizeof(float) * row_floats() * static_cast<size_t>(padding_ + n)),
      all_(slots_up_to(model_.ops(), before_ + n)),
      choices_(static_cast<size_t>(model_.config.n_heads)) {
  // Zeros shorten the mean query of their block, which changes no order.
  clear(model_.ops(), q_.as(), sizeof(float) * row_floats() * static_cast<size_t>(padding_));
  model_.work.add(static_cast<int64_t>(q_.bytes() + all_.bytes()));
}

SparsePrefill::~SparsePrefill() { model_.work.add(-static_cast<int64_t>(q_.bytes() + all_.bytes())); }

void SparsePrefill::keep_queries(const float* q, int from, int n) {
  model_.ops().copy(row(from), q, sizeof(float) * row_floats() * static_cast<size_t>(n));
}

void SparsePrefill::choose() {
  const int group = model_.group(), d = model_.config.head_dim, n_heads = model_.config.n_heads;
  const bool any = std::any_of(patterns_.begin(), patterns_.end(),
                               [](const rkv_pattern& p) { return p.kind == RKV_PATTERN_VERTICAL_SLASH; });
  if (!any) return;
  const int window = std::min(kVoters, n_), total = before_ + n_;
  const size_t slots = static_cast<size_t>(total);
  Buffer columns(model_.ops(), sizeof(float) * slots * static_cast<size_t>(n_heads));
  Buffer diagonals(model_.ops(), columns.bytes());
  std::vector<VoteHead> heads;
  for (int h = 0; h < s_.shape.n_kv_heads; h++) {
    const size_t first = static_cast<size_t>(h) * group;
    heads.push_back({cache_.head(h, false), row(n_ - window) + first * d, n_heads * d, window, 0, total, VoteSum::kHead,
                     false, columns.as<float>() + first * slots, diagonals.as<float>() + first * slots});
  }
  model_.ops().vote(heads, group, d, s_.shape.kv);
  for (int head = 0; head < n_heads; head++) {
    if (pattern(head).kind != RKV_PATTERN_VERTICAL_SLASH) continue;
    const size_t first = static_cast<size_t>(head) * slots;
    choices_[static_cast<size_t>(head)] = {pattern(head),
                                           download_copy(model_.ops(), columns.as<float>() + first, slots),
                                           download_copy(model_.ops(), diagonals.as<float>() + first, slots)};
  }
}

SparsePrefill::BlockScores SparsePrefill::score_blocks(int begin, int end) const {
  const bool any =
      std::any_of(patterns_.begin(), patterns_.end(), [](const rkv_pattern& p) { return p.kind == RKV_PATTERN_BLOCK; });
  if (!any) return {};
  const auto blocks = [](int slots) { return (slots + kPatternBlock - 1) / kPatternBlock; };
  end = std::min(blocks(end) * kPatternBlock, before_ + n_);  // a block's score counts rows of other chunks, too
  BlockScores out{begin, blocks(end - begin), blocks(end), {}};
  const size_t n = static_cast<size_t>(model_.config.n_heads) * out.row_blocks * out.key_blocks;
  const Buffer score(model_.ops(), sizeof(float) * n);
  std::vector<HeadCache> heads;
  for (int h = 0; h < s_.shape.n_kv_heads; h++) {
    heads.push_back(cache_.head(h, false));
    heads.back().n = end;
  }
  model_.ops().block_scores(row(begin - before_), end - begin, begin, heads, model_.group(), model_.config.head_dim,
                            s_.shape.kv, score.as<float>());
  out.score = download_copy(model_.ops(), score.as<float>(), n);
  return out;
}

std::vector<int32_t> SparsePrefill::seen_slots(int head, int block, int end, const BlockScores& scores) const {
  const rkv_pattern& p = pattern(head);
  if (p.kind == RKV_PATTERN_A_SHAPE) return a_shape_slots(p, block, end);
  if (p.kind == RKV_PATTERN_BLOCK) return block_slots(p, scores.row(head, block), block, end);
  return vertical_slash_slots(choices_[static_cast<size_t>(head)], block, end);
}

void SparsePrefill::attend(int from, int n, float* out) {
  const int n_heads = model_.config.n_heads;
  const int first_slot = before_ + from, end = first_slot + n;
  const int begin = first_slot / kPatternBlock * kPatternBlock;
  const BlockScores scores = score_blocks(begin, end);
  std::vector<int32_t> slots;
  std::vector<size_t> list_begin;  // in `slots`, [rows]
  std::vector<ListedRows> rows;
  for (int head = 0; head < n_heads; head++) {
    for (int block = begin; block < end; block += kPatternBlock) {
      const int low = std::max(block, first_slot), high = std::min(block + kPatternBlock, end);
      ListedRows listed = {cache_.head(head / model_.group(), false), head, low - first_slot, high - low};
      listed.cache.n = end;
      list_begin.push_back(slots.size());
      if (pattern(head).kind == RKV_PATTERN_DENSE) {
        listed.cache.index = all_.as<int32_t>(), listed.cache.n_index = high;
      } else {
        const std::vector<int32_t> list = seen_slots(head, block, high, scores);
        listed.cache.n_index = static_cast<int32_t>(list.size());
        slots.insert(slots.end(), list.begin(), list.end());
      }
      rows.push_back(listed);
    }
  }
  const Buffer lists = upload_copy(model_.ops(), slots);
  for (size_t i = 0; i < rows.size(); i++) {
    if (rows[i].cache.index == nullptr) rows[i].cache.index = lists.as<int32_t>() + list_begin[i];
  }
  model_.ops().attend_listed(row(from), n, rows, n_heads, model_.config.head_dim, s_.shape.kv, out);
}

}  // namespace rkv
