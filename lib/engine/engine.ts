import { openModel } from "../model/open_model.ts";
import { resolveModel } from "../model/hub.ts";
import type { ModelSource } from "../model/types.ts";
import { type Device, Library } from "../native/library.ts";
import { NativeModel } from "../native/model.ts";
import type { ProgressListener } from "../native/progress.ts";
import { loadText } from "../text/load_text.ts";
import type { ModelText } from "../text/types.ts";
import { chooseDevice } from "./device.ts";

export interface EngineOptions {
  /** Name of a pulled model, or path of a folder or GGUF file. */
  readonly model: string;
  /** `auto`, `cpu`, `cuda` or `cuda:<number>`. @default "auto" */
  readonly device?: string;
  /** CPU worker threads, 0 = all that the process may use. @default 0 */
  readonly threads?: number;
  readonly signal?: AbortSignal;
  /** Bytes of weights handed to the library. */
  readonly onProgress?: ProgressListener;
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
  static async open(options: EngineOptions): Promise<Engine> {
    const start = performance.now();
    const lib = Library.open();
    const device = chooseDevice(lib.devices(), options.device ?? "auto");
    const source = await openModel(await resolveModel(options.model));
    const text = loadText(source.text);
    const { threads = 0, signal, onProgress } = options;
    const model = await NativeModel.load(lib, source, { device: device.index, threads, signal, onProgress });
    return new Engine(source, text, device, model, performance.now() - start);
  }

  get config(): ModelSource["config"] {
    return this.source.config;
  }

  [Symbol.dispose](): void {
    this.model[Symbol.dispose]();
  }
}
