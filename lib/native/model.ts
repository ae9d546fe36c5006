import { DTYPES, type ModelConfig, type ModelSource, ROLES } from "../model/types.ts";
import { check } from "./error.ts";
import type { Library } from "./library.ts";
import type { ProgressListener } from "./progress.ts";
import type { Bytes } from "./struct.ts";
import { ERROR, MODEL_CONFIG, MODEL_USAGE, type ModelUsage } from "./structs.ts";

export interface LoadOptions {
  /** Index of a device of the library. @default 0, the CPU */
  readonly device?: number;
  /** CPU worker threads, 0 = all that the process may use. @default 0 */
  readonly threads?: number;
  /** Highest instruction set used: 0 auto, 1 AVX2, 2 AVX-512 + VNNI, 3 + BF16. @default 0 */
  readonly cpuLevel?: number;
  /** Bytes of weights handed over. */
  readonly onProgress?: ProgressListener | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A loaded model: read-only weights that any number of sessions share. Free it after its sessions. */
export class NativeModel implements Disposable {
  readonly #handle: bigint;
  #freed = false;

  private constructor(readonly lib: Library, readonly config: ModelConfig, handle: bigint) {
    this.#handle = handle;
  }

  /**
   * Hand a model's numbers and the places of its tensors to the library.
   *
   * @throws {NativeError} for a file that does not fit its description or a device that cannot be used.
   */
  static async load(lib: Library, source: ModelSource, options: LoadOptions = {}): Promise<NativeModel> {
    const { device = 0, threads = 0, cpuLevel = 0, onProgress, signal } = options;
    const { invFreq } = source.config.rope;
    const handle = new BigUint64Array(1);
    const err = ERROR.alloc();
    const config = packConfig(source.config, threads, cpuLevel);
    const created = lib.symbols.rkv_model_create(
      config,
      new Float64Array(invFreq),
      invFreq.length,
      device,
      handle,
      err,
    );
    check(created, err, `create model ${source.name}`);
    const model = new NativeModel(lib, source.config, handle[0]!);
    try {
      await model.#loadTensors(source, onProgress, signal);
      check(await lib.symbols.rkv_model_finish(model.handle, err), err, `load model ${source.name}`);
      return model;
    } catch (error) {
      model[Symbol.dispose]();
      throw error;
    }
  }

  get handle(): bigint {
    return this.#handle;
  }

  /** Bytes held and read by the model and all its sessions. */
  usage(): ModelUsage {
    const usage = MODEL_USAGE.alloc();
    const err = ERROR.alloc();
    check(this.lib.symbols.rkv_usage(this.#handle, usage, err), err, "read the memory use of the model");
    return MODEL_USAGE.unpack(usage);
  }

  /** Start a new period for the peaks in `usage()`. */
  resetPeak(): void {
    const err = ERROR.alloc();
    check(this.lib.symbols.rkv_model_reset_peak(this.#handle, err), err, "reset the memory peak of the model");
  }

  [Symbol.dispose](): void {
    if (this.#freed) return;
    const err = ERROR.alloc();
    check(this.lib.symbols.rkv_model_free(this.#handle, err), err, "free the model");
    this.#freed = true;
  }

  async #loadTensors(source: ModelSource, onProgress?: ProgressListener, signal?: AbortSignal): Promise<void> {
    const err = ERROR.alloc();
    const paths = new Map<string, Bytes>();
    let done = 0;
    let shown = performance.now();
    for (const { name, role, layer, dtype, rows, cols, path, offset, bytes } of source.tensors) {
      const file = paths.get(path) ?? cString(path);
      paths.set(path, file);
      const status = this.lib.symbols.rkv_model_load_tensor(
        this.#handle,
        ROLES.indexOf(role),
        layer,
        DTYPES.indexOf(dtype),
        rows,
        cols,
        file,
        BigInt(offset),
        BigInt(bytes),
        err,
      );
      check(status, err, `load tensor "${name}"`);
      done += bytes;
      if (performance.now() - shown < 100) continue;
      // An upload may take seconds: let timers and Ctrl-C have their turn.
      onProgress?.(done, source.weightBytes);
      await new Promise((resolve) => setTimeout(resolve));
      signal?.throwIfAborted();
      shown = performance.now();
    }
    onProgress?.(done, source.weightBytes);
  }
}

/** UTF-8 with a closing NUL. */
export function cString(text: string): Bytes {
  return new TextEncoder().encode(text + "\0");
}

function packConfig(config: ModelConfig, threads: number, cpuLevel: number): Bytes {
  return MODEL_CONFIG.pack({
    n_layers: config.nLayers,
    dim: config.dim,
    hidden_dim: config.hiddenDim,
    n_heads: config.nHeads,
    n_kv_heads: config.nKvHeads,
    head_dim: config.headDim,
    vocab_size: config.vocabSize,
    max_context: config.contextLength,
    rope_dims: config.rope.dims,
    rope_interleaved: Number(config.rope.interleaved),
    sliding_window: config.slidingWindow,
    qkv_bias: Number(config.qkvBias),
    qk_norm: Number(config.qkNorm),
    norm_eps: config.normEps,
    rope_attn_factor: config.rope.attentionFactor,
    threads,
    cpu_level: cpuLevel,
  });
}
