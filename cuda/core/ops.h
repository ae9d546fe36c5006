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

/// A stretch of one KV head's cache: `n` rows of K and V, each [d] of the session's KV dtype, contiguous.
struct Run {
  const void* k;            // device, [n, d]
  const void* v;            // device, [n, d]
  const int32_t* position;  // device, [n], ascending over the whole cache
  int32_t n;
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

/// New tokens of one session in one layer, on their way into the cache.
struct Append {
  const float *k, *v;  // device [n, n_kv_heads, d]: rows of the k and v of rotate_and_append()
  int32_t n;
  DType kv;
  void *k_out, *v_out;      // device: row of KV head 0 for the first token; the others follow
  size_t head_stride;       // bytes from the rows of a KV head to those of the next
  int32_t* position_out;    // device, of KV head 0; they count up from first_position
  int32_t position_stride;  // elements from a KV head to the next
  int32_t first_position;
  int32_t* index_out;    // device, of KV head 0, or NULL without an index list; slots count up from first_slot
  int32_t index_stride;  // elements from a KV head to the next
  int32_t first_slot;
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

/// One KV head of one session in a decode step.
struct DecodeHead {
  HeadCache cache;
  Bounds bounds;   // PAGES only
  const float* q;  // device [group, d], after RoPE
  float* out;      // device [group, d]
  const rkv_plan* plan;
  bool select;                // false: attend to all candidates from `first` on
  int32_t first;              // first candidate inside the sliding window, 0 without one
  int32_t* selected;          // device [n_lists, top_k]: chosen slots, ascending; n_lists = group for PER_HEAD, else 1
  int32_t* n_selected;        // device [n_lists]
  int64_t score_read_bytes;   // out
  int64_t attend_read_bytes;  // out
  int64_t tokens_attended;    // out: distinct tokens
};

/// One KV head whose prompt tokens are voted on by the last `window` queries.
struct VoteHead {
  HeadCache cache;  // runs only
  const float* q;   // device [window, group, d] with `q_stride` floats from one token to the next
  int32_t q_stride;
  int32_t window;
  int32_t sliding_window;  // 0 = none
  float* score;            // device [cache.n - window] out: softmax weights summed over window and group
};

/// One KV head whose best tokens are to be found.
struct KeepHead {
  const float* score;  // device [n]: votes before pooling
  int32_t n;
  int32_t keep;   // how many of the n
  int32_t sinks;  // the first ones that are always among them
  int32_t pool, pool_width;
  int32_t* kept;  // device [keep] out: ascending
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
  /// attention.
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

  // compression
  virtual void vote(std::span<const VoteHead> heads, int group, int d, DType kv) = 0;
  virtual void keep_best(std::span<const KeepHead> heads) = 0;
  /// Copy slots[n] (device, ascending) of a cache to k[n, d], v[n, d], position[n].
  virtual void gather(const HeadCache& cache, const int32_t* slots, int n, int d, DType kv, void* k, void* v,
                      int32_t* position) = 0;
  /// Rebuild the pages that hold candidates [from, cache.candidates()) of every head.
  virtual void build_bounds(std::span<const PageWork> work, int d) = 0;

  // sampling
  virtual void sample(std::span<const SampleRequest> requests, int vocab_size, int32_t* tokens) = 0;
};

}  // namespace rkv
