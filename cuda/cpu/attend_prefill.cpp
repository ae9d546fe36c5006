#include "cpu/attend_prefill.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "cpu/attend_prefill_kernels.h"
#include "cpu/attend_rows.h"
#include "cpu/float_buffer.h"
#include "cpu/kernel_set.h"
#include "cpu/tile_layout.h"

namespace rkv::cpu {

namespace avx2 {
extern const PrefillKernels prefill_f32, prefill_bf16;
}
namespace avx512 {
extern const PrefillKernels prefill_f32, prefill_bf16;
}
namespace avx512bf16 {
extern const PrefillKernels prefill_f32, prefill_bf16;
}

const PrefillKernels& prefill_kernels(CpuLevel level, DType kv) {
  return kv == RKV_F32 ? for_level(level, avx2::prefill_f32, avx512::prefill_f32, avx512bf16::prefill_f32)
                       : for_level(level, avx2::prefill_bf16, avx512::prefill_bf16, avx512bf16::prefill_bf16);
}

namespace {

constexpr size_t kPackedFloats = 2u << 20;  // of packed K and V of all heads at a time: 8 MiB, to stay in L3
constexpr int kMinPhaseTiles = 4;

/// One call. The cache goes by in phases: first its tiles are packed, then every query tile attends to them.
class Prefill {
 public:
  Prefill(ThreadPool& pool, const PrefillKernels& kernels, const float* q, int n, std::span<const HeadCache> heads,
          int group, int d, DType kv, int sliding_window, float* out);
  void run();

 private:
  void pack(int phase);
  void attend(int phase);
  void attend_tokens(int head, int token, int phase, int worker);
  QueryTile query_tile(int head, int token, int tokens, int worker);
  int first_visible(int head, int token) const;
  int first_slot(int head, int phase) const { return start_[head] + phase * phase_tiles_ * kTileKeys; }
  /// Slots of a head that the tiles of a phase hold.
  int slots(int head, int phase) const {
    return std::clamp(heads_[head].n - first_slot(head, phase), 0, phase_tiles_ * kTileKeys);
  }
  float* tile(int head, int i) {
    return &packed_[(static_cast<size_t>(head) * phase_tiles_ + i) * layout_.tile_floats];
  }
  size_t row(int head, int token) const { return (static_cast<size_t>(token) * heads_.size() + head) * group_; }

  ThreadPool& pool_;
  const PrefillKernels& kernels_;
  const float* q_;
  const int n_;
  const std::span<const HeadCache> heads_;
  const int group_, d_;
  const DType kv_;
  const int sliding_window_;
  float* out_;

  const TileLayout layout_;
  int tile_tokens_, n_tiles_;  // tokens per query tile, query tiles per head
  int phase_tiles_, phases_;
  std::vector<int> start_;        // [heads]: first packed slot, a multiple of kTileKeys
  std::vector<float> top_, sum_;  // [n, heads, group]: running softmax between phases
  size_t scratch_floats_;
  FloatBuffer packed_, scratch_;
};

Prefill::Prefill(ThreadPool& pool, const PrefillKernels& kernels, const float* q, int n,
                 std::span<const HeadCache> heads, int group, int d, DType kv, int sliding_window, float* out)
    : pool_(pool),
      kernels_(kernels),
      q_(q),
      n_(n),
      heads_(heads),
      group_(group),
      d_(d),
      kv_(kv),
      sliding_window_(sliding_window),
      out_(out),
      layout_(kernels, d) {
  const int n_heads = static_cast<int>(heads.size());
  tile_tokens_ = std::clamp(kTileRows / group, 1, n);
  n_tiles_ = (n + tile_tokens_ - 1) / tile_tokens_;

  int most = 0;  // tiles of any head
  for (int h = 0; h < n_heads; h++) {
    start_.push_back(first_visible(h, 0) / kTileKeys * kTileKeys);
    most = std::max(most, (heads[h].n - start_[h] + kTileKeys - 1) / kTileKeys);
  }
  phase_tiles_ =
      std::min(most, std::max(kMinPhaseTiles, static_cast<int>(kPackedFloats / (layout_.tile_floats * n_heads))));
  phases_ = (most + phase_tiles_ - 1) / phase_tiles_;
  packed_ = float_buffer(layout_.tile_floats * phase_tiles_ * n_heads);

  scratch_floats_ = layout_.query_floats(tile_tokens_ * group);
  scratch_ = float_buffer(scratch_floats_ * pool.size());
  top_.assign(static_cast<size_t>(n) * n_heads * group, kNothingSeen);
  sum_.assign(top_.size(), 0.0f);
}

void Prefill::run() {
  for (int phase = 0; phase < phases_; phase++) {
    pack(phase);
    attend(phase);
  }
}

/// First slot that new token `token` may see.
int Prefill::first_visible(int head, int token) const {
  if (sliding_window_ == 0) return 0;
  const HeadCache& cache = heads_[head];
  return first_slot_at(cache, int64_t{position_of(cache, cache.n - n_ + token)} - sliding_window_ + 1);
}

void Prefill::pack(int phase) {
  const int n_heads = static_cast<int>(heads_.size());
  pool_.run(n_heads * phase_tiles_, [&](int task, int) {
    const int head = task % n_heads, i = task / n_heads;
    const int n = std::min(slots(head, phase) - i * kTileKeys, kTileKeys);
    if (n <= 0) return;
    const void *k[kTileKeys + kRowPadding], *v[kTileKeys + kRowPadding];
    locate_rows(heads_[head], nullptr, first_slot(head, phase) + i * kTileKeys, n, d_, kv_, k, v);
    kernels_.pack_k(k, n, d_, tile(head, i));
    kernels_.pack_v(v, n, d_, tile(head, i) + layout_.k_floats);
  });
}

/// Late tokens see most and go first, so that no long task is left over at the end.
void Prefill::attend(int phase) {
  const int n_heads = static_cast<int>(heads_.size());
  pool_.run(n_heads * n_tiles_, [&](int task, int worker) {
    attend_tokens(task % n_heads, (n_tiles_ - 1 - task / n_heads) * tile_tokens_, phase, worker);
  });
}

/// Work memory for the queries of tokens [token, token + tokens), and what their rows may see.
QueryTile Prefill::query_tile(int head, int token, int tokens, int worker) {
  const QueryTile tile = layout_.query_tile(&scratch_[worker * scratch_floats_], tokens * group_);
  for (int t = 0; t < tokens; t++) {
    std::fill_n(tile.begin + t * group_, group_, first_visible(head, token + t));
    std::fill_n(tile.end + t * group_, group_, heads_[head].n - n_ + token + t + 1);
  }
  return tile;
}

/// Let the queries of one tile attend to the tiles of this phase that they can see.
void Prefill::attend_tokens(int head, int token, int phase, int worker) {
  const int tokens = std::min(tile_tokens_, n_ - token);
  const int from = first_slot(head, phase), n = slots(head, phase);
  const QueryTile queries = query_tile(head, token, tokens, worker);
  const int end = std::min(queries.end[queries.rows - 1] - from, n);
  const bool last = queries.end[queries.rows - 1] <= from + phase_tiles_ * kTileKeys;  // sees nothing later
  const int begin = std::max(queries.begin[0] - from, 0) / kTileKeys;
  if (end <= begin * kTileKeys) return;

  const float scale = kernels_.score_unit / std::sqrt(static_cast<float>(d_));
  for (int t = 0; t < tokens; t++) {
    const size_t at = row(head, token + t);
    kernels_.pack_q(q_ + at * d_, group_ * d_, scale, queries.q + static_cast<size_t>(t) * group_ * layout_.words);
    std::copy_n(&top_[at], group_, queries.top + t * group_);
    std::copy_n(&sum_[at], group_, queries.sum + t * group_);
    for (int g = 0; g < group_; g++) {
      float* row = queries.out + static_cast<size_t>(t * group_ + g) * layout_.pitch;
      std::fill_n(row, layout_.pitch, 0.0f);
      if (top_[at + g] != kNothingSeen) std::copy_n(out_ + (at + g) * d_, d_, row);  // from an earlier phase
    }
  }
  for (int i = begin; i * kTileKeys < end; i++) {
    const float* packed = tile(head, i);
    kernels_.attend_tile(queries, d_, packed, packed + layout_.k_floats, from + i * kTileKeys,
                         std::min(kTileKeys, n - i * kTileKeys));
  }
  for (int t = 0; t < tokens; t++) {
    const size_t at = row(head, token + t);
    std::copy_n(queries.top + t * group_, group_, &top_[at]);
    std::copy_n(queries.sum + t * group_, group_, &sum_[at]);
    for (int g = 0; g < group_; g++) {
      const float* row = queries.out + static_cast<size_t>(t * group_ + g) * layout_.pitch;
      const float factor = last ? 1.0f / queries.sum[t * group_ + g] : 1.0f;
      for (int i = 0; i < d_; i++) out_[(at + g) * d_ + i] = row[i] * factor;
    }
  }
}

}  // namespace

void attend_prefill(ThreadPool& pool, CpuLevel level, const float* q, int n, std::span<const HeadCache> heads,
                    int group, int d, DType kv, int sliding_window, float* out) {
  Prefill(pool, prefill_kernels(level, kv), q, n, heads, group, d, kv, sliding_window, out).run();
}

}  // namespace rkv::cpu
