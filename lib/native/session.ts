import type { LayerPatterns } from "../methods/pattern.ts";
import type { LayerPlans, Plan } from "../methods/plan.ts";
import { DTYPES } from "../model/types.ts";
import { check } from "./error.ts";
import { cString, type NativeModel } from "./model.ts";
import { packPatterns } from "./pattern.ts";
import { type CompressReport, packPlans, unpackReport } from "./plan.ts";
import { type ProgressListener, withProgress } from "./progress.ts";
import { packSamplers, type Sampler } from "./sampler.ts";
import type { Bytes } from "./struct.ts";
import { COMPRESS_REPORT, ERROR, SESSION_OPTIONS, SESSION_STATS, type SessionStats } from "./structs.ts";

export interface SessionOptions {
  /** Element type of the cached K and V. @default "bf16" */
  readonly kvType?: "bf16" | "f32";
  /** Prompt tokens that go through a layer at a time, 0 = the library's choice. @default 0 */
  readonly chunkTokens?: number;
  /** Remember what every decode step asked and selected, for `selected()` and `weights()`. @default false */
  readonly trace?: boolean;
  /** What a prefill without plans keeps for plans that are applied later. @default [] */
  readonly observe?: readonly ("attention" | "queries")[];
  /** Bits of cached elements after the prefill (KIVI), 0 = as `kvType`. @default 0 */
  readonly kvBits?: 0 | 2 | 4 | 8;
  /** Tokens of a group of keys and dims of a group of values that share a scale. @default 32 */
  readonly kvGroup?: number;
  /** Most recent tokens that stay unquantised. @default 128 */
  readonly kvResidual?: number;
}

/** What a decode step may give back. */
export interface DecodeResult {
  /** Token drawn for each session; empty without samplers. */
  readonly tokens: Int32Array;
}

/**
 * One sequence and its KV cache: EMPTY, then PREFILLED, then READY to decode.
 *
 * One call at a time: a second one while the first runs is a defect of the caller and throws at once.
 */
export class NativeSession implements Disposable {
  readonly #handle: bigint;
  #busy = false;
  #freed = false;

  private constructor(readonly model: NativeModel, handle: bigint) {
    this.#handle = handle;
  }

  /** An empty sequence. @throws {NativeError} when memory runs out. */
  static create(model: NativeModel, options: SessionOptions = {}): NativeSession {
    const { kvType = "bf16", chunkTokens = 0, trace = false, observe = [] } = options;
    const { kvBits = 0, kvGroup = 32, kvResidual = 128 } = options;
    const packed = SESSION_OPTIONS.pack({
      kv_dtype: DTYPES.indexOf(kvType),
      chunk_tokens: chunkTokens,
      trace: Number(trace),
      observe: (observe.includes("attention") ? 1 : 0) + (observe.includes("queries") ? 2 : 0),
      kv_bits: kvBits,
      kv_group: kvGroup,
      kv_residual: kvResidual,
    });
    const handle = new BigUint64Array(1);
    const err = ERROR.alloc();
    check(model.lib.symbols.rkv_session_create(model.handle, packed, handle, err), err, "create a session");
    return new NativeSession(model, handle[0]!);
  }

  /** Read a session that `save()` wrote. @throws {NativeError} for a damaged file or one of another model. */
  static async load(model: NativeModel, path: string): Promise<NativeSession> {
    const handle = new BigUint64Array(1);
    const err = ERROR.alloc();
    const status = await model.lib.symbols.rkv_session_load(model.handle, cString(path), handle, err);
    check(status, err, `load session ${path}`);
    return new NativeSession(model, handle[0]!);
  }

  /**
   * One decode step for several sessions of one model: the weights are read once for all of them.
   *
   * @param tokens            Token that each session is fed.
   * @param options.logits    Filled with f32 [n, vocab_size] when given.
   * @param options.samplers  One per session; then the next tokens are drawn.
   */
  static async decode(
    sessions: readonly NativeSession[],
    tokens: ArrayLike<number>,
    { logits, samplers }: { logits?: Float32Array<ArrayBuffer>; samplers?: readonly Sampler[] } = {},
  ): Promise<DecodeResult> {
    const [first] = sessions;
    if (first === undefined) return { tokens: new Int32Array() };
    const drawn = new Int32Array(samplers ? sessions.length : 0);
    const err = ERROR.alloc();
    const release = NativeSession.#claim(sessions);
    try {
      const status = await first.#symbols.rkv_decode(
        BigUint64Array.from(sessions, (session) => session.#handle),
        Int32Array.from(tokens),
        sessions.length,
        logits ?? null,
        BigInt(logits?.length ?? 0),
        samplers ? packSamplers(samplers) : null,
        samplers ? drawn : null,
        err,
      );
      check(status, err, "decode");
    } finally {
      release();
    }
    return { tokens: drawn };
  }

  /** A second session over the same cached tokens, which both then share; what each adds is its own. */
  fork(): NativeSession {
    const handle = new BigUint64Array(1);
    this.#call("fork the session", (err) => this.#symbols.rkv_session_fork(this.#handle, handle, err));
    return new NativeSession(this.model, handle[0]!);
  }

  /** Make later prefills of a layer sparse; decode steps ignore patterns, forks and saved sessions keep them. */
  setPatterns(layer: number, patterns: LayerPatterns): void {
    const packed = packPatterns(patterns);
    this.#call(
      "set the patterns of a prefill",
      (err) => this.#symbols.rkv_session_set_patterns(this.#handle, layer, packed, patterns.length, err),
    );
  }

  /**
   * Run tokens through the model and cache them; with a plan every layer is compressed as soon as it is done.
   *
   * @param options.patterns   As setPatterns() takes them, of every layer.
   * @param options.onProgress Counts tokens x layers.
   * @returns The report when a plan was given.
   * @throws {DOMException} AbortError when the signal stopped it; the session is then as it was before.
   */
  async prefill(
    tokens: ArrayLike<number>,
    { plan, patterns, signal, onProgress }: {
      plan?: Plan | LayerPlans;
      patterns?: readonly LayerPatterns[] | undefined;
      signal?: AbortSignal;
      onProgress?: ProgressListener;
    } = {},
  ): Promise<CompressReport | null> {
    patterns?.forEach((heads, layer) => this.setPatterns(layer, heads));
    const ids = Int32Array.from(tokens);
    const report = plan ? COMPRESS_REPORT.alloc() : null;
    const plans = plan && layerPlans(plan);
    const packed = plans ? packPlans(plans) : null;
    await this.#callAsync("prefill the prompt", (err) =>
      withProgress(
        (progress) =>
          this.#symbols.rkv_prefill(this.#handle, ids, ids.length, packed, plans?.length ?? 0, report, progress, err),
        { signal, onProgress },
      ));
    return report && unpackReport(report);
  }

  /** Apply a plan to a prefilled session. */
  async compress(plan: Plan | LayerPlans): Promise<CompressReport> {
    const plans = layerPlans(plan);
    const report = COMPRESS_REPORT.alloc();
    await this.#callAsync(
      "compress the KV cache",
      (err) => this.#symbols.rkv_compress(this.#handle, packPlans(plans), plans.length, report, err),
    );
    return unpackReport(report);
  }

  /** Draw the next token from the last logits. */
  sample(sampler: Sampler): number {
    const token = new Int32Array(1);
    const packed = packSamplers([sampler]);
    this.#call("sample a token", (err) => this.#symbols.rkv_sample(this.#handle, packed, token, err));
    return token[0]!;
  }

  /** Last logits, f32 [vocab_size]. */
  logits(): Float32Array<ArrayBuffer> {
    const logits = new Float32Array(this.model.config.vocabSize);
    this.#call("read the logits", (err) => this.#symbols.rkv_logits(this.#handle, logits, logits.length, err));
    return logits;
  }

  stats(): SessionStats {
    const stats = SESSION_STATS.alloc();
    this.#call("read the statistics of the session", (err) => this.#symbols.rkv_stats(this.#handle, stats, err));
    return SESSION_STATS.unpack(stats);
  }

  /** Positions that a query head can attend to now, ascending. */
  cached(layer: number, head: number): Int32Array {
    const call = this.#symbols.rkv_trace_cached;
    return this.#trace("read the cached positions", call, Int32Array, layer, head);
  }

  /** Positions that a query head attended to in the last decode step, ascending. Needs the `trace` option. */
  selected(layer: number, head: number): Int32Array {
    const call = this.#symbols.rkv_trace_selected;
    return this.#trace("read the selected positions", call, Int32Array, layer, head);
  }

  /**
   * Softmax weights of a query head's last decode step over everything that it can attend to, whatever was selected: one
   * for each position of `cached()`. Needs the `trace` option.
   */
  weights(layer: number, head: number): Float32Array {
    const call = this.#symbols.rkv_trace_weights;
    return this.#trace("read the attention weights", call, Float32Array, layer, head);
  }

  /** Write the session to a file, which is whole afterwards or untouched. */
  async save(path: string): Promise<void> {
    const file = cString(path);
    await this.#callAsync(`save session ${path}`, (err) => this.#symbols.rkv_session_save(this.#handle, file, err));
  }

  [Symbol.dispose](): void {
    if (this.#freed) return;
    this.#call("free the session", (err) => this.#symbols.rkv_session_free(this.#handle, err));
    this.#freed = true;
  }

  get #symbols() {
    return this.model.lib.symbols;
  }

  #call(action: string, call: (err: Bytes) => number): void {
    const err = ERROR.alloc();
    const release = NativeSession.#claim([this]);
    try {
      check(call(err), err, action);
    } finally {
      release();
    }
  }

  async #callAsync(action: string, call: (err: Bytes) => Promise<number>): Promise<void> {
    const err = ERROR.alloc();
    const release = NativeSession.#claim([this]);
    try {
      check(await call(err), err, action);
    } finally {
      release();
    }
  }

  /** A list whose length only the library knows: ask for it, then for the list. */
  #trace<T extends Int32Array | Float32Array>(
    action: string,
    trace: NativeModel["lib"]["symbols"]["rkv_trace_cached"],
    List: new (length: number) => T,
    layer: number,
    head: number,
  ): T {
    const count = new Int32Array(1);
    this.#call(action, (err) => trace(this.#handle, layer, head, null, 0, count, err));
    const list = new List(count[0]!);
    this.#call(action, (err) => trace(this.#handle, layer, head, list as T & Bytes, list.length, count, err));
    return list;
  }

  /** Mark sessions as in use for one call. @returns The end of the call. */
  static #claim(sessions: readonly NativeSession[]): () => void {
    if (sessions.some((session) => session.#busy)) throw new Error("Cannot use a session while a call on it runs");
    if (sessions.some((session) => session.#freed)) throw new Error("Cannot use a session that was freed");
    for (const session of sessions) session.#busy = true;
    return () => sessions.forEach((session) => session.#busy = false);
  }
}

/** One plan means the same for all layers. */
function layerPlans(plan: Plan | LayerPlans): LayerPlans {
  return Array.isArray(plan) ? plan as LayerPlans : [plan as Plan];
}
