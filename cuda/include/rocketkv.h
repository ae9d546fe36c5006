/**
 * rocketkv: long-context LLM inference with a compressed KV cache.
 *
 * This header is the whole contract between the native library and its callers. The library sees numbers, byte
 * ranges and plans; text, JSON, file formats and method names stay outside.
 *
 * Conventions
 *   - Handles are 64-bit ids, never pointers. A stale or foreign id gives RKV_E_HANDLE. Freeing while another thread
 *     uses the object gives RKV_E_BUSY.
 *   - Every fallible call returns an rkv_status and, on failure, fills the caller's rkv_error (may be NULL).
 *   - Structs start with `struct_size` = sizeof(struct); a wrong size gives RKV_E_ARG. Fields are 4 or 8 bytes wide.
 *   - Buffers belong to the caller. Shapes are written outermost axis first; lengths are counted in elements.
 *   - Calls on one model are serialised inside the library, so sessions may be driven from several threads.
 *   - On any error other than RKV_E_DEVICE the object is left as the call found it, unless the call says otherwise.
 */
#ifndef ROCKETKV_H
#define ROCKETKV_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RKV_API __attribute__((visibility("default")))
#define RKV_ABI_VERSION 2

/** Most recent queries of every layer that a prefilled session keeps, so that a vote can be held later. */
#define RKV_MAX_WINDOW 128

/** Query positions that RKV_OBSERVE_QUERIES leaves out: attention sinks are not like the rest. */
#define RKV_OBSERVE_FROM 4

typedef enum {
  RKV_OK = 0,
  RKV_E_ARG = 1,       /* an argument is out of range or does not fit the object */
  RKV_E_STATE = 2,     /* the call is out of order for this session */
  RKV_E_MEMORY = 3,    /* host or device memory ran out */
  RKV_E_IO = 4,        /* a file could not be opened, read, mapped or written */
  RKV_E_DEVICE = 5,    /* the device failed; sessions on it can only be freed */
  RKV_E_CANCELLED = 6, /* the caller's cancel word was set */
  RKV_E_BUSY = 7,      /* the object is in use by another call */
  RKV_E_HANDLE = 8,    /* no such object */
  RKV_E_INTERNAL = 9   /* a defect of the library */
} rkv_status;

typedef struct {
  uint32_t struct_size;
  int32_t code;
  char message[504]; /* UTF-8, NUL-terminated, one line */
} rkv_error;

/** Progress of a long call: written by the library, polled by the caller; `cancel` is written by the caller. */
typedef struct {
  uint32_t struct_size;
  int32_t cancel; /* in: non-zero asks the call to stop at the next chunk */
  int64_t done;   /* out: units finished */
  int64_t total;  /* out: units in all (prefill: tokens x layers) */
} rkv_progress;

/* ------------------------------------------------------------------------------------------------- devices --- */

typedef enum { RKV_CPU = 0, RKV_CUDA = 1 } rkv_device_kind;

typedef struct {
  uint32_t struct_size;
  int32_t kind;         /* rkv_device_kind */
  int32_t usable;       /* 0: see `detail` for the reason */
  int32_t threads;      /* CPU: hardware threads this process may use; CUDA: multiprocessors */
  int64_t memory_total; /* bytes */
  int64_t memory_free;  /* bytes */
  char name[128];
  char arch[128];   /* CPU: instruction sets that will be used, e.g. "avx512+vnni+bf16"; CUDA: "sm_90" */
  char detail[256]; /* why it cannot be used, or empty */
} rkv_device_desc;

/** RKV_ABI_VERSION of the library that was loaded. */
RKV_API int32_t rkv_abi_version(void);

/** Devices known to the library, usable or not. Index 0 is always the CPU. */
RKV_API int32_t rkv_device_count(void);

/** Describe device `index` in [0, rkv_device_count()). A backend that is absent is an answer, not an error. */
RKV_API int32_t rkv_device_info(int32_t index, rkv_device_desc* info, rkv_error* err);

/**
 * Read bandwidth of a device's memory in bytes per second: the roof that decode is compared with.
 *
 * @param threads     CPU threads, 0 = all.
 * @param bytes       Size of the buffer that is read, at least 1 MiB.
 * @param rounds      Passes over it; the best one counts.
 * @param out_rate    Out: bytes per second.
 */
RKV_API int32_t rkv_device_bandwidth(int32_t index, int32_t threads, int64_t bytes, int32_t rounds, double* out_rate,
                                     rkv_error* err);

/* -------------------------------------------------------------------------------------------------- models --- */

typedef enum {
  RKV_F32 = 0,
  RKV_F16 = 1,
  RKV_BF16 = 2,
  RKV_Q8_0 = 3,
  RKV_Q4_0 = 4,
  RKV_Q4_1 = 5,
  RKV_Q5_0 = 6,
  RKV_Q5_1 = 7,
  RKV_Q4_K = 8,
  RKV_Q5_K = 9,
  RKV_Q6_K = 10
} rkv_dtype;

/** What a tensor is for. Weights are [rows, cols] = [out, in], row-major; vectors are [1, n]. */
typedef enum {
  RKV_EMBED = 0,      /* [vocab_size, dim] */
  RKV_FINAL_NORM = 1, /* [1, dim] */
  RKV_LM_HEAD = 2,    /* [vocab_size, dim]; load the embedding's bytes again when it is tied */
  RKV_ATTN_NORM = 3,  /* [1, dim] */
  RKV_WQ = 4,         /* [n_heads * head_dim, dim] */
  RKV_WK = 5,         /* [n_kv_heads * head_dim, dim] */
  RKV_WV = 6,         /* [n_kv_heads * head_dim, dim] */
  RKV_WO = 7,         /* [dim, n_heads * head_dim] */
  RKV_BQ = 8,         /* [1, n_heads * head_dim], only with qkv_bias */
  RKV_BK = 9,         /* [1, n_kv_heads * head_dim], only with qkv_bias */
  RKV_BV = 10,        /* [1, n_kv_heads * head_dim], only with qkv_bias */
  RKV_Q_NORM = 11,    /* [1, head_dim], only with qk_norm */
  RKV_K_NORM = 12,    /* [1, head_dim], only with qk_norm */
  RKV_FFN_NORM = 13,  /* [1, dim] */
  RKV_W_GATE = 14,    /* [hidden_dim, dim] */
  RKV_W_UP = 15,      /* [hidden_dim, dim] */
  RKV_W_DOWN = 16     /* [dim, hidden_dim] */
} rkv_role;

typedef struct {
  uint32_t struct_size;
  int32_t n_layers;
  int32_t dim;
  int32_t hidden_dim;
  int32_t n_heads;
  int32_t n_kv_heads; /* divides n_heads */
  int32_t head_dim;   /* 8 .. 256, a multiple of 8; n_heads * head_dim need not be dim */
  int32_t vocab_size;
  int32_t max_context;      /* positions the model was made for; a limit of the caller, not of the library */
  int32_t rope_dims;        /* leading dims of a head that are rotated; even, <= head_dim */
  int32_t rope_interleaved; /* 0: dim i pairs with i + rope_dims/2; 1: dim 2i pairs with 2i + 1 */
  int32_t sliding_window;   /* tokens a query may look back, itself included; 0 = all */
  int32_t qkv_bias;         /* 1: BQ, BK, BV are loaded */
  int32_t qk_norm;          /* 1: Q_NORM, K_NORM are loaded; RMS norm per head before RoPE */
  float norm_eps;
  float rope_attn_factor; /* multiplies cos and sin; 1 for all but YaRN-like scalings */
  int32_t threads;        /* CPU worker threads, 0 = all that the process may use */
  int32_t cpu_level;      /* highest instruction set used: 0 auto, 1 AVX2, 2 AVX-512 + VNNI, 3 + BF16 */
} rkv_model_config;

/**
 * Start a model. Load its tensors next, then finish it.
 *
 * @param config    Numbers of the architecture.
 * @param inv_freq  f64 [rope_dims / 2]: radians per position of every rotated pair, scaling already applied.
 * @param n_freq    Elements at `inv_freq`.
 * @param device    Index as in rkv_device_info().
 * @param out_model Out: handle, to be freed with rkv_model_free().
 */
RKV_API int32_t rkv_model_create(const rkv_model_config* config, const double* inv_freq, int32_t n_freq, int32_t device,
                                 uint64_t* out_model, rkv_error* err);

/**
 * Tell the model where one tensor lies in a file. The file is mapped once and must not change while it is in use.
 *
 * @param layer   0 .. n_layers - 1, or -1 for EMBED, FINAL_NORM and LM_HEAD.
 * @param dtype   rkv_dtype; vectors must be F32, F16 or BF16.
 * @param path    UTF-8, NUL-terminated.
 * @param offset  First byte of the tensor in the file.
 * @param n_bytes Bytes that the caller believes the tensor has; checked against rows, cols and dtype, and against the
 *                file's size.
 * @return RKV_E_ARG for a wrong shape, dtype or range (the message names role and layer), RKV_E_IO for the file.
 */
RKV_API int32_t rkv_model_load_tensor(uint64_t model, int32_t role, int32_t layer, int32_t dtype, int32_t rows,
                                      int32_t cols, const uint8_t* path, uint64_t offset, uint64_t n_bytes,
                                      rkv_error* err);

/** Check that every tensor is there (the message names all that are missing) and make the model usable. */
RKV_API int32_t rkv_model_finish(uint64_t model, rkv_error* err);

/** Free a model. RKV_E_BUSY while sessions of it exist. */
RKV_API int32_t rkv_model_free(uint64_t model, rkv_error* err);

/* ------------------------------------------------------------------------------------------------ sessions --- */

/**
 * What a prefill keeps besides K and V, for plans that are applied later. A prefill that is given its plans observes
 * what they need by itself.
 */
typedef enum {
  RKV_OBSERVE_ATTENTION = 1, /* sum of the softmax weights that every token received (a second pass over the scores) */
  RKV_OBSERVE_QUERIES = 2    /* mean and covariance of the queries before RoPE, from position RKV_OBSERVE_FROM on */
} rkv_observe;

typedef struct {
  uint32_t struct_size;
  int32_t kv_dtype;     /* RKV_BF16 or RKV_F32 */
  int32_t chunk_tokens; /* prompt tokens that go through a layer at a time, 0 = default */
  int32_t trace;       /* 1: remember what every decode step asked and selected, for rkv_trace_selected(), _weights() */
  int32_t observe;     /* rkv_observe flags */
  int32_t kv_bits;     /* 0 = cached rows stay as they are; 8, 4 or 2: KIVI, quantised after the prefill */
  int32_t kv_group;    /* KIVI: tokens of a K group, and dims of a V group; divides kv_residual and head_dim */
  int32_t kv_residual; /* KIVI: most recent tokens that stay unquantised; 1 .. */
} rkv_session_options;

/** Create an empty sequence. State: EMPTY. */
RKV_API int32_t rkv_session_create(uint64_t model, const rkv_session_options* options, uint64_t* out_session,
                                   rkv_error* err);

/**
 * Copy a session without copying its KV: the cached tokens become shared and immutable, and both sessions go on
 * writing into memory of their own. Page bounds are shared until one side changes them.
 */
RKV_API int32_t rkv_session_fork(uint64_t session, uint64_t* out_session, rkv_error* err);

RKV_API int32_t rkv_session_free(uint64_t session, rkv_error* err);

/**
 * Write the session (cache, positions, queries kept for votes, plan, token history, last logits) to a file.
 * A temporary file beside `path` is written, synced and renamed: `path` is whole or untouched.
 */
RKV_API int32_t rkv_session_save(uint64_t session, const uint8_t* path, rkv_error* err);

/**
 * Read a session that rkv_session_save() wrote. RKV_E_IO for a damaged or truncated file (checksum), RKV_E_ARG for a
 * file of another model or format version.
 */
RKV_API int32_t rkv_session_load(uint64_t model, const uint8_t* path, uint64_t* out_session, rkv_error* err);

/* -------------------------------------------------------------------------------------------------- plans --- */

typedef enum {
  RKV_EVICT_NONE = 0,
  RKV_EVICT_RECENT = 1, /* keep `sinks` first tokens and the most recent ones: StreamingLLM */
  RKV_EVICT_SCORE = 2   /* keep the tokens with the best scores */
} rkv_evict_kind;

/** What a token is worth. Scores are f32, higher is better; every kind gives one score per token and KV head. */
typedef enum {
  RKV_SCORE_VOTES = 0, /* softmax weights of the last `window` queries, summed over them: SnapKV; window 1: TOVA */
  /* softmax weights of all queries so far, summed: H2O; needs RKV_OBSERVE_ATTENTION, and agree SUM or LAYER */
  RKV_SCORE_ATTENTION = 1,
  RKV_SCORE_EXPECTED = 2, /* softmax weights expected of future queries; needs RKV_OBSERVE_QUERIES, no agree HEAD */
  RKV_SCORE_KEY_NORM = 3, /* -|k|_2 */
  RKV_SCORE_KEY_DIFF = 4, /* minus the cosine of k and the mean of all normalised keys of the head */
  RKV_SCORE_LAG = 5,      /* LagKV: spread of k and of v within the range of the next `lag` tokens, as ranks */
  RKV_SCORE_RANDOM = 6    /* a hash of seed, layer, KV head and position: the floor */
} rkv_score_kind;

/** How the query heads of a group agree on scores. KEY_NORM and later kinds have one score per KV head anyway. */
typedef enum {
  RKV_AGREE_SUM = 0,  /* summed over the group */
  RKV_AGREE_MAX = 1,  /* the largest of the group, after summing over the window */
  RKV_AGREE_HEAD = 2, /* every query head keeps `keep` tokens of its own and attends to those only */
  RKV_AGREE_LAYER = 3 /* summed over all query heads of the layer: every KV head keeps the same tokens */
} rkv_agree_kind;

typedef enum { RKV_POOL_MAX = 0, RKV_POOL_AVG = 1 } rkv_pool_kind;

/** How the layer's `keep` x n_kv_heads places are dealt to its KV heads. */
typedef enum {
  RKV_ALLOC_UNIFORM = 0, /* `keep` each */
  /* Ada-KV: of the H x (keep - recent) best tokens of all heads together N_h belong to head h, which gets
     round((1 - safeguard) N_h + floor(safeguard (keep - recent))) + recent */
  RKV_ALLOC_ADA = 1,
  /* the same idea as kvpress has it: every head's floor(safeguard keep) best are safe, recent tokens counted, the rest
     is the best of all heads together: H x keep in all */
  RKV_ALLOC_ADA_SAFE = 2
} rkv_alloc_kind;

typedef enum {
  RKV_SELECT_ALL = 0,   /* attend to everything cached */
  RKV_SELECT_PAGES = 1, /* score pages by their bounds over some query dims, attend to the best tokens */
  RKV_SELECT_EXACT = 2  /* score every token exactly (oracle): quality ceiling, saves no key reads */
} rkv_select_kind;

typedef enum {
  RKV_RANK_SOFTMAX_MEAN = 0, /* softmax per query head over tokens, mean over the group, one choice per KV head */
  RKV_RANK_LOGIT_SUM = 1,    /* sum of scores over the group, one choice per KV head */
  RKV_RANK_PER_HEAD = 2      /* every query head chooses for itself */
} rkv_rank_mode;

typedef enum {
  RKV_SIGN_GROUP = 0, /* sign of the group's summed query picks page max or min: one plane read per dim */
  RKV_SIGN_HEAD = 1   /* every head takes the larger product: Quest's upper bound, both planes read */
} rkv_sign_mode;

typedef enum {
  RKV_STEP_OLDEST = 0,    /* the oldest token behind the sinks: StreamingLLM */
  RKV_STEP_ATTENTION = 1, /* the token with the least attention so far, all steps and the prompt summed: H2O */
  RKV_STEP_CURRENT = 2    /* the token with the least attention in this step: TOVA */
} rkv_step_kind;

/**
 * What to do with the cache of one layer, in numbers. A method is a recipe that fills these structs.
 *
 * Ties, everywhere: higher score first; of pooled scores then the higher unpooled one unless `tie_by_position`; then
 * the lower position.
 */
typedef struct {
  uint32_t struct_size;
  /* evict: once, after prefill (and again after the prefill of every later turn) */
  int32_t evict;        /* rkv_evict_kind */
  int32_t keep;         /* tokens kept per KV head; nothing happens when no more than that are cached */
  int32_t sinks;        /* first positions that are always kept; sinks + recent <= keep */
  int32_t recent;       /* SCORE: most recent tokens always kept and not scored; VOTES: <= window, and <= its queries */
  int32_t keep_history; /* 1: drop nothing, decode on an index list of what would have been kept (RocketKV-MT) */
  /* score: EVICT_SCORE only */
  int32_t score;           /* rkv_score_kind */
  int32_t window;          /* VOTES: queries that vote, 1 .. RKV_MAX_WINDOW; a short turn votes with what it has */
  int32_t future;          /* EXPECTED: positions ahead over which the query's rotation is averaged, >= 1 */
  int32_t covariance;      /* EXPECTED: 1 = the spread of the queries counts too */
  int32_t lag;             /* LAG: tokens of a partition, >= 1 */
  uint32_t seed;           /* RANDOM */
  int32_t agree;           /* rkv_agree_kind */
  int32_t value_weight;    /* 1: score = (score + value_epsilon) * |v|_2 */
  float value_epsilon;     /* >= 0 */
  int32_t pool;            /* rkv_pool_kind */
  int32_t pool_width;      /* odd, 1 = no pooling */
  int32_t tie_by_position; /* 1: equal pooled scores go by position at once */
  int32_t alloc;           /* rkv_alloc_kind; ADA kinds need agree SUM or MAX, and no step_keep */
  float safeguard;         /* ADA kinds: 0 .. 1 */
  /* CriticalKV: this share of the places (recent tokens have theirs) goes by pooled score, sinks first; the rest by
     (pooled score + 1e-4) * |W_o v|_1; 0 = all by score */
  float critical;
  /* select: at every decode step */
  int32_t select;      /* rkv_select_kind */
  int32_t page_size;   /* PAGES: consecutive cached tokens scored as one, >= 1 */
  int32_t query_dims;  /* PAGES: dims read, 1 .. head_dim */
  int32_t top_k;       /* PAGES, EXACT: tokens attended, >= 1; all of them when no more are cached */
  int32_t rank;        /* rkv_rank_mode */
  int32_t sign;        /* PAGES: rkv_sign_mode */
  int32_t whole_pages; /* PAGES: 1 = never take part of a page (rounds top_k down, at least one page) */
  int32_t pin_sinks;   /* first positions that are always selected, within top_k */
  int32_t pin_recent;  /* most recent tokens that are always selected, within top_k; 1 = the current token */
  int32_t mean_value; /* PAGES: 1 = what was not selected counts as the mean of all V, by its estimated weight: SparQ */
  /* per step eviction, after attention */
  int32_t step_keep;   /* tokens cached per KV head after every step, the current one included; 0 = no limit */
  int32_t step_evict;  /* rkv_step_kind; other than OLDEST needs evict, keep <= step_keep and no sliding window */
  int32_t step_recent; /* ATTENTION, CURRENT: most recent tokens that are never dropped */
  /* 1: positions count through the cache as in StreamingLLM: the query meets the sinks as if nothing were missing */
  int32_t shift_positions;
  /* KV heads that are left alone, bit h for head h: neither evicted nor selected from (DuoAttention's retrieval heads)
   */
  uint32_t dense_heads_low;
  uint32_t dense_heads_high;
} rkv_plan;

/** Bytes of one session's cache, before and after a compression. */
typedef struct {
  uint32_t struct_size;
  int32_t kept_min; /* fewest tokens that a KV head can attend to after the call */
  int32_t kept_max; /* most tokens */
  int32_t reserved;
  int64_t bytes_before; /* K and V bytes of all layers, shared ones included */
  int64_t bytes_after;
  int64_t bytes_aux; /* page bounds, index lists, scores that go on with the cache, mean values */
} rkv_compress_report;

/* ---------------------------------------------------------------------------------- prefill, compress, decode --- */

typedef enum {
  RKV_PATTERN_DENSE = 0,
  RKV_PATTERN_A_SHAPE = 1,        /* the first `first` and the most recent `second` tokens, seen from a block's first */
  RKV_PATTERN_VERTICAL_SLASH = 2, /* `first` columns and `second` diagonals, chosen by the last 64 queries */
  RKV_PATTERN_BLOCK = 3           /* the `first` best blocks of 64 keys for every 64 queries, by their means */
} rkv_pattern_kind;

/** What one query head attends to in prefill: MInference, arXiv:2407.02490. Blocks of 64 slots see the same tokens. */
typedef struct {
  uint32_t struct_size;
  int32_t kind; /* rkv_pattern_kind */
  int32_t first;
  int32_t second;
} rkv_pattern;

/**
 * Make later prefills of a session sparse. Forks and saved sessions keep the patterns; decode steps ignore them, and
 * so do single tokens, prompts that a pattern covers, and layers whose KV heads hold different numbers of tokens. A
 * sliding window of the model excludes patterns other than DENSE.
 *
 * @param layer     0 .. n_layers - 1.
 * @param patterns  rkv_pattern [n_heads] (an array of structs), or [1] for all query heads of the layer.
 */
RKV_API int32_t rkv_session_set_patterns(uint64_t session, int32_t layer, const rkv_pattern* patterns,
                                         int32_t n_patterns, rkv_error* err);

/**
 * Run tokens through the model, layer by layer, with dense attention over everything cached plus themselves.
 *
 * EMPTY, PREFILLED or READY -> PREFILLED; with plans -> READY. On a later turn the tokens are appended to what is
 * cached. With plans every layer is compressed as soon as it is done, so that at most one layer holds its full KV.
 * Afterwards the logits of the last token are kept in the session, for rkv_sample() and rkv_logits().
 *
 * @param tokens    i32 [n_tokens], each in [0, vocab_size).
 * @param plans     rkv_plan [n_plans] (an array of structs): one for every layer, or [1] for all of them. NULL to keep
 *                  the full cache (then rkv_compress() or forks may follow).
 * @param report    Out, may be NULL; with plans only.
 * @param progress  May be NULL. Units are tokens x layers.
 * @return RKV_E_STATE when a plan needs attention of earlier turns that was not observed.
 *         RKV_E_CANCELLED: the session is EMPTY again if it was, otherwise as it was before the call.
 */
RKV_API int32_t rkv_prefill(uint64_t session, const int32_t* tokens, int32_t n_tokens, const rkv_plan* plans,
                            int32_t n_plans, rkv_compress_report* report, rkv_progress* progress, rkv_error* err);

/**
 * Apply plans to a prefilled session: PREFILLED -> READY. The full cache is released unless others share it.
 *
 * @param plans  rkv_plan [n_plans]: one for every layer, or [1] for all of them.
 * @return RKV_E_STATE when a plan needs what the prefill did not observe; the message names the option.
 */
RKV_API int32_t rkv_compress(uint64_t session, const rkv_plan* plans, int32_t n_plans, rkv_compress_report* report,
                             rkv_error* err);

typedef struct {
  uint32_t struct_size;
  float temperature;     /* 0 = greedy */
  int32_t top_k;         /* 0 = off */
  float top_p;           /* 1 = off */
  float min_p;           /* 0 = off: keep tokens with p >= min_p * the best p */
  float repeat_penalty;  /* 1 = off: divides positive and multiplies negative logits of recent tokens */
  int32_t repeat_last_n; /* tokens looked back for the penalty */
  uint32_t reserved;
  uint64_t seed; /* with the token's position the only source of randomness */
} rkv_sampler;

/**
 * Draw the next token of a session from its last logits. Steps: penalty, temperature, top-k, top-p, min-p, draw.
 * Ties in greedy mode go to the lower id. The logits stay as they are.
 */
RKV_API int32_t rkv_sample(uint64_t session, const rkv_sampler* sampler, int32_t* out_token, rkv_error* err);

/**
 * One decode step for n sessions of one model: weights are read once for all of them. Sessions must be distinct and
 * READY. A session's result does not depend on what else is in the call (bit for bit on the CPU).
 *
 * @param sessions    u64 [n]
 * @param tokens      i32 [n]: the token each session is fed.
 * @param logits      Out, may be NULL: f32 [n, vocab_size].
 * @param n_logits    Elements at `logits`, 0 when it is NULL.
 * @param samplers    May be NULL: rkv_sampler [n] (an array of structs).
 * @param tokens_out  Out, may be NULL when samplers is: i32 [n], drawn as by rkv_sample().
 * @return Too little memory for the step is found out before it begins and changes nothing; a failure in the middle of
 *         it leaves the sessions EMPTY.
 */
RKV_API int32_t rkv_decode(const uint64_t* sessions, const int32_t* tokens, int32_t n, float* logits, int64_t n_logits,
                           const rkv_sampler* samplers, int32_t* tokens_out, rkv_error* err);

/** Copy the last logits of a session. @param logits Out: f32 [vocab_size]. */
RKV_API int32_t rkv_logits(uint64_t session, float* logits, int32_t n_logits, rkv_error* err);

/* --------------------------------------------------------------------------------------------- measurements --- */

typedef struct {
  uint32_t struct_size;
  int32_t state;                   /* 0 EMPTY, 1 PREFILLED, 2 READY */
  int32_t n_tokens;                /* tokens seen: the position of the next one */
  int32_t n_steps;                 /* decode steps so far */
  int64_t kv_bytes;                /* K and V that this session can reach, shared or its own */
  int64_t kv_own_bytes;            /* K and V allocated by this session and not shared with another */
  int64_t kv_peak_bytes;           /* most K and V bytes alive at once during prefill and compression of this session */
  int64_t aux_bytes;               /* page bounds, index lists, scores that go on with the cache, mean values */
  int64_t query_bytes;             /* queries kept for votes, and what the prefill observed */
  int64_t score_read_bytes;        /* last step, all layers: bytes read to choose */
  int64_t attend_read_bytes;       /* last step, all layers: bytes of K and V read to attend */
  int64_t tokens_attended;         /* last step: summed over layers and KV heads */
  int64_t total_score_read_bytes;  /* all steps */
  int64_t total_attend_read_bytes; /* all steps */
  /* nanoseconds since creation; a step shared by n sessions counts 1/n for each */
  int64_t prefill_ns; /* whole prefill calls, compression excluded */
  int64_t compress_ns;
  int64_t select_ns;
  int64_t attend_ns;
  int64_t linear_ns; /* everything else of a decode step: norms, projections, RoPE, FFN, LM head */
  int64_t sample_ns;
} rkv_session_stats;

RKV_API int32_t rkv_stats(uint64_t session, rkv_session_stats* stats, rkv_error* err);

typedef struct {
  uint32_t struct_size;
  int32_t threads;         /* worker threads in use */
  int64_t weight_bytes;    /* bytes of the weights as stored (mapped or resident) */
  int64_t decode_bytes;    /* weight bytes that one decode step reads: the embedding table counts one row */
  int64_t kv_bytes_live;   /* K and V of all sessions of this model, shared ones counted once */
  int64_t kv_bytes_peak;   /* highest value since the last rkv_model_reset_peak() */
  int64_t work_bytes_peak; /* most memory used for activations, same period */
} rkv_model_usage;

RKV_API int32_t rkv_usage(uint64_t model, rkv_model_usage* stats, rkv_error* err);

RKV_API int32_t rkv_model_reset_peak(uint64_t model, rkv_error* err);

/**
 * Positions that a query head can attend to now, ascending. All heads of a group have the same unless a plan says
 * AGREE_HEAD.
 *
 * @param positions Out, may be NULL: i32 [capacity].
 * @param out_n     Out: how many there are; positions are written only if they fit.
 */
RKV_API int32_t rkv_trace_cached(uint64_t session, int32_t layer, int32_t head, int32_t* positions, int32_t capacity,
                                 int32_t* out_n, rkv_error* err);

/** Positions that a query head attended to in the last decode step, ascending. Needs the `trace` option. */
RKV_API int32_t rkv_trace_selected(uint64_t session, int32_t layer, int32_t head, int32_t* positions, int32_t capacity,
                                   int32_t* out_n, rkv_error* err);

/**
 * Softmax weights of a query head's last decode step over everything that it can attend to, whatever was selected: in
 * the order of rkv_trace_cached(). Needs the `trace` option.
 *
 * @param weights  Out, may be NULL: f32 [capacity].
 * @param out_n    Out: how many there are; weights are written only if they fit.
 */
RKV_API int32_t rkv_trace_weights(uint64_t session, int32_t layer, int32_t head, float* weights, int32_t capacity,
                                  int32_t* out_n, rkv_error* err);

#ifdef __cplusplus
}
#endif
#endif
