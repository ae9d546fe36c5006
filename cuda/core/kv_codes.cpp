// KIVI (arXiv:2402.02750): rows of a layer's cache become codes when they are old enough.
//
// A head's slots are coded ones first, plain ones behind them. Published KIVI empties its K residual whenever it holds
// exactly kv_residual tokens, and codes V one token at a time; here K and V go together, kv_group tokens at a time, and
// kv_residual tokens or up to kv_group - 1 more stay plain.
#include <algorithm>

#include "core/layer_cache.h"

namespace rkv {
namespace {

constexpr int kFirstCodes = 64;  // slots of the first block of codes that grows at steps; later ones double
constexpr int kMostCodes = 4096;

int whole_groups(int n, int group) { return (n + group - 1) / group * group; }

}  // namespace

/// What quantise() does with one KV head.
struct LayerCache::Flush {
  size_t n_coded_segments = 0;
  int coded = 0;  // slots before
  int moved = 0;  // plain slots that become codes, whole groups
  int rest = 0;   // plain slots that stay
};

LayerCache::Flush LayerCache::plan_flush(int h, const rkv_session_options& options) const {
  Flush flush;
  for (const Segment& s : heads_[h].segments) {
    if (!s.block->coded()) break;
    flush.n_coded_segments++, flush.coded += s.end - s.begin;
  }
  const int plain = slots(h) - flush.coded;
  flush.moved = std::max(plain - options.kv_residual, 0) / options.kv_group * options.kv_group;
  flush.rest = plain - flush.moved;
  return flush;
}

void LayerCache::quantise(Model& model, const CacheShape& shape, const rkv_session_options& options) {
  if (options.kv_bits == 0) return;
  const int group = options.kv_group;
  std::vector<Flush> flushes;
  std::vector<int> codes(heads_.size(), 0), plain(heads_.size(), 0), loose(heads_.size(), 0);  // sizes of new blocks
  int most_changed = 0;
  for (int h = 0; h < n_heads(); h++) {
    const Flush& flush = flushes.emplace_back(plan_flush(h, options));
    if (flush.moved == 0) continue;
    const auto& segments = heads_[h].segments;
    plain[h] = flush.rest + group;  // what comes until the next group is full
    most_changed = std::max(most_changed, flush.moved + flush.rest);
    const Segment& first_plain = segments[flush.n_coded_segments];
    if (first_plain.end - first_plain.begin < flush.moved) loose[h] = flush.moved;
    if (flush.n_coded_segments == 0) {
      codes[h] = flush.moved;
    } else if (const Segment& last = segments[flush.n_coded_segments - 1]; room_behind(h, last) < flush.moved) {
      const int grown = std::clamp(2 * last.block->capacity(h), kFirstCodes, kMostCodes);
      codes[h] = whole_groups(std::max(grown, flush.moved), group);
    }
  }
  if (most_changed == 0) return;

  // All memory first: running out of it changes nothing.
  auto code_block = std::make_shared<KvBlock>(model, shape, codes, KvCoding{options.kv_bits, group});
  auto plain_block = std::make_shared<KvBlock>(model, shape, plain);
  KvBlock gathered(model, shape, loose);
  if (bounds_ != nullptr) reserve_pages(model.ops(), shape, 0);
  code_groups(model.ops(), shape, flushes, add_block(std::move(code_block)), add_block(std::move(plain_block)),
              &gathered);
  drop_unused_blocks();
  if (bounds_ == nullptr) return;
  std::vector<PageWork> pages;
  collect_pages(shape, most_changed, &pages);
  model.ops().build_bounds(pages, shape.head_dim);
}

void LayerCache::code_groups(Ops& ops, const CacheShape& shape, const std::vector<Flush>& flushes, KvBlock* codes,
                             KvBlock* plain, KvBlock* gathered) {
  std::vector<QuantHead> work;
  for (int h = 0; h < n_heads(); h++) {
    const Flush& flush = flushes[h];
    if (flush.moved == 0) continue;
    auto& segments = heads_[h].segments;
    const Segment first_plain = segments[flush.n_coded_segments];
    const bool loose = gathered->capacity(h) > 0;
    if (loose) copy_rows(ops, h, flush.coded, flush.moved, gathered);
    copy_rows(ops, h, flush.coded + flush.moved, flush.rest, plain);
    const KvBlock* from = loose ? gathered : first_plain.block;
    const int at = loose ? 0 : first_plain.begin;

    segments.resize(flush.n_coded_segments);
    if (codes->capacity(h) > 0) segments.push_back({codes, 0, 0});
    Segment& to = segments.back();
    work.push_back({from->k(h, at), from->v(h, at), flush.moved, to.block->k(h, to.end), to.block->v(h, to.end),
                    to.block->codes(h, to.end)});
    ops.copy(to.block->position(h, to.end), from->position(h, at), sizeof(int32_t) * flush.moved);
    to.end += flush.moved;
    to.block->filled[h] = to.end;
    segments.push_back({plain, 0, flush.rest});
    refresh_runs(h);
  }
  ops.quantise(work, shape.head_dim, shape.kv);
}

}  // namespace rkv
