import { openModel } from "../model/open_model.ts";
import { resolveModel } from "../model/hub.ts";
import type { ModelSource } from "../model/types.ts";
import { type Device, Library } from "../native/library.ts";
import { NativeModel } from "../native/model.ts";
import type { ProgressListener } from "../native/progress.ts";
import { loadText } from "../text/load_text.ts";
import type { ModelText } from "../text/types.ts";
import { chooseDevice, type DeviceChoice } from "./device.ts";
import { checkMemory, type Workload } from "./memory.ts";

export interface PrepareOptions {
  /** Name of a pulled model, or path of a folder or GGUF file. */
  readonly model: string;
  /** `auto`, `cpu`, `cuda` or `cuda:<number>`. @default "auto" */
  readonly device?: string;
  /** File of the native library. @default the one beside this code */
  readonly library?: string;
}

export interface LoadOptions {
  /** CPU worker threads, 0 = all that the process may use. @default 0 */
  readonly threads?: number;
  /** What will run: memory for it must be free. */
  readonly workload?: Workload;
  readonly signal?: AbortSignal;
  /** Bytes of weights handed to the library. */
  readonly onProgress?: ProgressListener;
}

/** A model whose files were read and whose device was chosen: all that can be known before its weights are loaded. */
export interface Prepared {
  readonly library: Library;
  readonly choice: DeviceChoice;
  readonly source: ModelSource;
  readonly text: ModelText;
  /** Milliseconds that this took. */
  readonly ms: number;
}

/** A model that is ready to run: its files, its text side and its weights on a device. */
export class Engine implements Disposable {
  private constructor(
    readonly source: ModelSource,
    readonly text: ModelText,
    readonly device: Device,
    readonly model: NativeModel,
    /** Milliseconds from the name to the loaded weights. */
    readonly loadMs: number,
  ) {}

  /** @throws {RunError} for a model that is missing, damaged or unsupported, or a device that cannot be used. */
  static async prepare({ model, device = "auto", library: path }: PrepareOptions): Promise<Prepared> {
    const start = performance.now();
    const library = Library.open(path);
    const choice = chooseDevice(library, device);
    const source = await openModel(await resolveModel(model));
    const text = loadText(source.text);
    return { library, choice, source, text, ms: performance.now() - start };
  }

  /** @throws {RunError} when the device has too little memory, or the weights cannot be read. */
  static async load(prepared: Prepared, options: LoadOptions = {}): Promise<Engine> {
    const start = performance.now();
    const { library, choice: { device }, source, text } = prepared;
    const { threads = 0, workload, signal, onProgress } = options;
    if (workload) checkMemory(source, workload, device);
    const model = await NativeModel.load(library, source, { device: device.index, threads, signal, onProgress });
    return new Engine(source, text, device, model, prepared.ms + performance.now() - start);
  }

  /** Both at once. */
  static async open(options: PrepareOptions & LoadOptions): Promise<Engine> {
    return await Engine.load(await Engine.prepare(options), options);
  }

  get config(): ModelSource["config"] {
    return this.source.config;
  }

  [Symbol.dispose](): void {
    this.model[Symbol.dispose]();
  }
}
