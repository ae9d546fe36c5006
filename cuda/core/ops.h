// The inner contract: what a backend must be able to do. One virtual call per op, in the order of the data flow.
//
// Pointers named "device" are memory of the backend (host memory on the CPU). Activations are f32. Shapes are written
// outermost axis first. Ops may return before the work is done (CUDA); download() waits for it.
//
//   n        tokens in this call           group   query heads per KV head
//   d        head_dim                      slot    index in a KV head's cache; its position is the index in the text
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/numeric.h"
#include "rocketkv.h"

namespace rkv {

/// Quantised rows (KIVI, arXiv:2402.02750): x = code * scale + min. K has a scale and a min per dim and `group` tokens,
/// V per token and `group` dims.
struct KvCodes {
  int32_t bits = 0;                   // 0: rows are not quantised
  int32_t group = 0;                  // divides d and the run's n
  const uint16_t* k_scale = nullptr;  // device f16 [n / group, 2 (scale, min), d]
  const uint16_t* v_scale = nullptr;  // device f16 [n, 2 (scale, min), d / group]
};

/// A stretch of one KV head's cache: `n` rows of K and V, contiguous: [d] of the session's KV dtype, or with codes.bits
/// d * bits / 8 bytes, the first dim in the lowest bits.
struct Run {
  const void* k;            // device, [n, d]
  const void* v;            // device, [n, d]
  const int32_t* position;  // device, [n], ascending over the whole cache unless tokens are dropped by score at steps
  int32_t n;
  KvCodes codes = {};
};

/// One KV head's cache: runs one after the other; slot s counts through them.
struct HeadCache {
  const Run* runs;
  int32_t n_runs;
  int32_t n;             // slots in all
  const int32_t* index;  // device, [n_index] ascending slots, or NULL: the slots that may be attended (RocketKV-MT)
  int32_t n_index;
  /// Tokens that can be attended: entry c is slot index[c], or c itself.
  int32_t candidates() const { return index != nullptr ? n_index : n; }
};

/// Page bounds of one KV head: element-wise min and max of every page of consecutive candidates.
///
/// [2 (min, max), d, pitch] of the session's KV dtype: dim-major, because a chosen dim is then one contiguous stream
/// over pages. Only the first ceil(candidates / page_size) pages are live.
struct Bounds {
  void* data;  // device
  int32_t pitch;
  int32_t page_size;
};

/// New tokens of one KV head in one layer, on their way into the cache. Calls take those of all KV heads of a session
/// one after the other, in order.
struct Append {
  const float *k, *v;  // device: the head's first row in k and v of rotate_and_append(), n_kv_heads * d floats apart
  int32_t n;
  DType kv;
  void *k_out, *v_out;    // device [n, d]
  int32_t* position_out;  // device [n]; they count up from first_position
  int32_t first_position;
  int32_t* index_out;    // device: end of the head's first index list, or NULL; slots count up from first_slot
  int32_t n_lists;       // index lists of the head; all of them get the slots
  int32_t index_stride;  // elements from a list to the next
  int32_t first_slot;
  float* value_sum;  // device [d] or NULL; only with n = 1: the new V row is added to it
};

/// Pages of one KV head that have to be filled.
struct PageWork {
  HeadCache cache;
  Bounds bounds;
  DType kv;
  int32_t from;  // first candidate that is new; its page is rebuilt whole
};

/// Heads that rotate_and_append() works on, and how their dims pair up: i with i + pairs, or 2i with 2i + 1.
struct RotateShape {
  int n_heads, n_kv_heads, d, pairs;
  bool interleaved;
};

/// Parts of a decode step that are timed apart.
enum class Stage { kLinear, kSelect, kAttend, kSample };

struct StageTimes {
  int64_t linear_ns = 0, select_ns = 0, attend_ns = 0, sample_ns = 0;
};

/// What a projection is for.
enum class LinearUse {
  kPrefill,  // many tokens of one prompt: the fastest way
  kDecode    // one token each of several sessions: a row's result must not depend on what else is in the call
};

/// A projection y = x W^T + b of an op that does several with one input.
struct Projection {
  const Weight* weight;  // [rows, cols]
  const float* bias;     // device [rows], or NULL
  float* y;              // device [n, rows]
};

/// One KV head of one session in a decode step, or with AGREE_HEAD one query head (then group = 1).
struct DecodeHead {
  HeadCache cache;
  Bounds bounds;         // PAGES only
  const float* q;        // device [group, d], after RoPE
  const float* q_sinks;  // device [group, d] or NULL: instead of q for candidates below n_sinks (shifted positions)
  int32_t n_sinks;
  float* out;  // device [group, d]
  const rkv_plan* plan;
  bool select;                // false: attend to all candidates from `first` on
  int32_t first;              // first candidate inside the sliding window, 0 without one
  int32_t* selected;          // device [n_lists, top_k]: chosen slots, ascending; n_lists = group for PER_HEAD, else 1
  int32_t* n_selected;        // device [n_lists]
  const float* value_sum;     // device [d] or NULL: sum of V over all candidates (mean_value)
  float* mass;                // device [group]: select() writes the estimated softmax weight of what it chose, attend()
                              // mixes: mass * attention + (1 - mass) * mean V; NULL without value_sum
  int64_t score_read_bytes;   // out
  int64_t attend_read_bytes;  // out
  int64_t tokens_attended;    // out: distinct tokens
};

/// How the scores of a group's query heads become what VoteHead::score holds.
enum class VoteSum { kGroup, kMax, kHead };

/// One KV head whose tokens are voted on by the queries of its last `window` slots.
struct VoteHead {
  HeadCache cache;  // runs only
  const float* q;   // device [window, group, d] with `q_stride` floats from one token to the next
  int32_t q_stride;
  int32_t window;
  int32_t sliding_window;  // 0 = none
  int32_t n_scored;        // the first slots get a score: 1 .. cache.n
  VoteSum sum;
  bool add;          // score += instead of score =
  float* score;      // device [n_scored], or [group, n_scored] for kHead: softmax weights summed over the window
  float* diagonals;  // device [group, cache.n] or NULL: the weights summed by distance (query slot - key slot)
};

/// One KV head whose tokens are scored by what they are: no queries. Means and partitions are those of the whole cache.
struct KeyScoreHead {
  HeadCache cache;  // runs only
  int32_t n_scored;
  int32_t kv_head;
  float* score;  // device [n_scored]
};

/// One KV head whose tokens are scored by what future queries are expected to be (arXiv:2510.00636).
struct ExpectedHead {
  HeadCache cache;  // runs only
  int32_t n_scored;
  int32_t first;            // slots before it are left out of the softmax, which covers the whole cache, and score 0
  const float* mean;        // device [group, d]: mean query, rotation included
  const float* covariance;  // device [group, d, d] likewise, or NULL
  bool max;                 // largest of the group instead of the mean
  float* score;             // device [n_scored]
};

/// Scores of one KV head, with the V they belong to.
struct ValueHead {
  HeadCache cache;  // runs only
  int32_t n_scored;
  int32_t kv_head;
  float* score;  // device [n_scored]
};

/// One KV head whose best tokens are to be found.
struct KeepHead {
  const float* score;  // device [n]: before pooling
  int32_t n;
  int32_t keep;   // how many of the n
  int32_t sinks;  // the first ones that are always among them
  int32_t pool, pool_width;
  bool tie_by_position;
  int32_t* kept;  // device [keep] out: ascending
};

/// One KV head that drops one token behind a decode step: the last row takes the place of the one with the lowest
/// score.
struct StepHead {
  void *k, *v;        // device [n, d]: rows of the session's KV dtype
  int32_t* position;  // device [n]
  float* score;       // device [n]; heads that must drop the same token share it, and then `moves_score` is false
  bool moves_score;   // the last score moves with its row and leaves 0, the sum that the next token begins with
  int32_t n;          // slots, the current token's last
  int32_t sinks;      // positions below it are safe
  int32_t newest;     // positions from it on are safe, too
};

/// Rows of one query head that see a list of slots in prefill.
struct ListedRows {
  HeadCache cache;   // index: ascending slots; row i of the call sees those up to cache.n - (rows of the call) + i
  int32_t head;      // query head
  int32_t first, n;  // rows of the call
};

/// One KV head's rows on their way into codes.
struct QuantHead {
  const void *k, *v;    // device [n, d] of the session's KV dtype
  int32_t n;            // a multiple of codes.group
  void *k_out, *v_out;  // device [n, d * bits / 8]
  KvCodes codes;        // scales are written
};

struct SampleRequest {
  const float* logits;     // device [vocab_size]
  const int32_t* history;  // host [n_history], most recent last
  int32_t n_history;
  int32_t position;  // of the token that is drawn: with the seed the only source of randomness
  const rkv_sampler* sampler;
};

class Ops {
 public:
  virtual ~Ops() = default;

  // memory
  virtual void* allocate(size_t bytes) = 0;  // throws Failure(RKV_E_MEMORY); 64-byte aligned, not cleared
  virtual void release(void* p, size_t bytes) = 0;
  virtual void upload(void* device, const void* host, size_t bytes) = 0;
  virtual void download(void* host, const void* device, size_t bytes) = 0;
  virtual void copy(void* to, const void* from, size_t bytes) = 0;
  virtual Weight place(const Weight& mapped) = 0;  // CPU: in place; CUDA: upload
  virtual void unplace(const Weight& weight) = 0;
  /// Until everything that was asked for is done: for clocks, and for failures of the device that belong to this call.
  virtual void wait() = 0;
  virtual int threads() const = 0;

  // decode steps
  /// Everything up to end_step() is one decode step. `repeatable`: no op of it hands data to the host, so that a
  /// backend may record the step and replay it while the same sessions go on.
  virtual void begin_step(bool repeatable) = 0;
  /// What follows belongs to this stage; a step begins with kLinear.
  virtual void begin_stage(Stage stage) = 0;
  /// Wait for the step. @return what its stages took.
  virtual StageTimes end_step() = 0;
  /// The step failed half way: nothing of it is wanted any more.
  virtual void abandon_step() = 0;

  // linear part
  /// x[n, dim] = rows `tokens` (host) of the embedding.
  virtual void embed(const Weight& table, const int32_t* tokens, int n, float* x) = 0;
  /// y[n, dim] = x / rms(x) * weight, row by row; x and y may be the same.
  virtual void rms_norm(const float* x, const float* weight, float eps, int n, int dim, float* y) = 0;
  /// y = x W^T + b for every projection; x[n, cols].
  virtual void linear(const float* x, int n, std::span<const Projection> projections, LinearUse use) = 0;
  /// x += y, `count` floats.
  virtual void add(float* x, const float* y, int64_t count) = 0;
  /// gate = silu(gate) * up, `count` floats.
  virtual void silu_mul(float* gate, const float* up, int64_t count) = 0;

  // attention
  /// cos and sin for given positions (host): table[n, rope_dims/2, 2] device.
  virtual void rope_table(const int32_t* positions, int n, const double* inv_freq, int pairs, float factor,
                          float* table) = 0;
  /// Rotate q[n, n_heads, d] and k[n, n_kv_heads, d] in place, store K and V of every session in the KV dtype with
  /// their positions and slots, and rebuild the pages that new tokens fall into: all between the projections and
  /// attention. With n_kv_heads = 0 only q is rotated.
  virtual void rotate_and_append(const RotateShape& shape, float* q, float* k, int n, const float* table,
                                 std::span<const Append> appends, std::span<const PageWork> pages) = 0;
  /// Causal attention of n new tokens, whose K and V are the last n slots of every cache.
  /// q, out [n, n_kv_heads * group, d]; token i sees slots up to cache.n - n + i, within the sliding window.
  virtual void attend_prefill(const float* q, int n, std::span<const HeadCache> heads, int group, int d, DType kv,
                              int sliding_window, float* out) = 0;
  /// Choose tokens for every head with `select` set; writes selected, n_selected and score_read_bytes.
  virtual void select(std::span<DecodeHead> heads, int group, int d, DType kv) = 0;
  /// Exact attention over what was selected, or over all candidates; softmax over those only.
  virtual void attend(std::span<DecodeHead> heads, int group, int d, DType kv) = 0;

  /// Drop one token of every head that has a droppable one; the caller shortens the caches by one slot.
  virtual void evict_step(std::span<const StepHead> heads, int d, DType kv) = 0;

  // sparse prefill
  /// As attend_prefill() for rows that see only listed slots. q, out [n, n_heads, d].
  virtual void attend_listed(const float* q, int n, std::span<const ListedRows> rows, int n_heads, int d, DType kv,
                             float* out) = 0;
  /// Products of mean queries and mean keys over blocks of 64 tokens: score[n_heads, ceil(n / 64), ceil((first_slot +
  /// n) / 64)] (device), -infinity for keys behind the row block. The first query row is slot `first_slot`, a multiple
  /// of 64; the last blocks may be shorter.
  virtual void block_scores(const float* q, int n, int first_slot, std::span<const HeadCache> heads, int group, int d,
                            DType kv, float* score) = 0;

  // compression
  virtual void vote(std::span<const VoteHead> heads, int group, int d, DType kv) = 0;
  /// Scores of plan.score KEY_NORM, KEY_DIFF, LAG or RANDOM.
  virtual void score_keys(std::span<const KeyScoreHead> heads, const rkv_plan& plan, int layer, int d, DType kv) = 0;
  /// Add queries q[n, n_heads, d] (before RoPE) to sums: device f64 [n_heads, d + d * d], of q and of q q^T.
  virtual void observe_queries(const float* q, int n, int n_heads, int d, double* sums) = 0;
  virtual void expected_score(std::span<const ExpectedHead> heads, int group, int d, DType kv) = 0;
  /// score = (score + epsilon) * |v|_2.
  virtual void weigh_by_value(std::span<const ValueHead> heads, float epsilon, int d, DType kv) = 0;
  /// score = mean over the group's query heads j of |W_o^(j) v|_1, W_o^(j) the head's d columns of wo[dim, n_heads *
  /// d].
  virtual void output_norms(std::span<const ValueHead> heads, const Weight& wo, int group, int d, DType kv) = 0;
  virtual void keep_best(std::span<const KeepHead> heads) = 0;
  /// Copy slots[n] (device, ascending; in any order from a cache of one run) to k[n, d], v[n, d], position[n].
  virtual void gather(const HeadCache& cache, const int32_t* slots, int n, int d, DType kv, void* k, void* v,
                      int32_t* position) = 0;
  /// sum[d] (device f32) = sum of V over the candidates of a head.
  virtual void sum_values(const HeadCache& cache, int d, DType kv, float* sum) = 0;
  virtual void quantise(std::span<const QuantHead> heads, int d, DType kv) = 0;
  /// Rebuild the pages that hold candidates [from, cache.candidates()) of every head.
  virtual void build_bounds(std::span<const PageWork> work, int d) = 0;

  // sampling
  virtual void sample(std::span<const SampleRequest> requests, int vocab_size, int32_t* tokens) = 0;
};

}  // namespace rkv
