/** Tiny models loaded into the native library next to their float64 reference. */
import { fileURLToPath } from "node:url";
import { Library } from "../../lib/native/library.ts";
import { type LoadOptions, NativeModel } from "../../lib/native/model.ts";
import { NativeSession, type SessionOptions } from "../../lib/native/session.ts";
import { openModel } from "../../lib/model/open_model.ts";
import type { ModelSource } from "../../lib/model/types.ts";
import { ReferenceModel } from "../reference/model.ts";
import { random } from "../reference/random.ts";
import { tinyModel, type TinyOptions } from "./tiny_model.ts";

/** f32 KV, so that what is left against float64 is the rounding of f32 sums. */
export const EXACT: SessionOptions = { kvType: "f32", trace: true };

export interface LoadedTiny extends AsyncDisposable {
  readonly source: ModelSource;
  readonly model: NativeModel;
  /** Temporary folder, removed at the end. */
  readonly folder: string;
  /** A fresh sequence of the same model in float64. */
  reference(): ReferenceModel;
  session(options?: SessionOptions): NativeSession;
}

/** The library with the CUDA backend compiled for the emulator (cuda/emu): its device 1 runs kernels on the CPU. */
export const EMULATED = {
  library: fileURLToPath(new URL("../../build/librocketkv_emu.so", import.meta.url)),
  device: 1,
} as const;

/** Write a tiny model as `format`, open it as a user's would be, and load it. */
export async function loadTiny(
  options: TinyOptions = {},
  { format = "folder", library, ...load }: LoadOptions & { format?: "folder" | "gguf"; library?: string } = {},
): Promise<LoadedTiny> {
  const tiny = tinyModel(options);
  const folder = await Deno.makeTempDir({ prefix: "rkv-tiny-" });
  if (format === "folder") tiny.writeFolder(folder);
  else tiny.writeGguf(`${folder}/tiny.gguf`);
  const [source, model] = await openModel(folder)
    .then(async (source) =>
      [source, await NativeModel.load(Library.open(library), source, { threads: 2, ...load })] as const
    )
    .catch(async (error) => {
      await Deno.remove(folder, { recursive: true });
      throw error;
    });
  const sessions: NativeSession[] = [];
  // The arrays are in Hugging Face order, whatever the file: the reference rotates pairs i, i + d/2.
  const config = { ...source.config, rope: { ...source.config.rope, interleaved: false } };
  return {
    source,
    model,
    folder,
    reference: () => new ReferenceModel(config, tiny.weights()),
    session(sessionOptions = EXACT) {
      const session = NativeSession.create(model, sessionOptions);
      sessions.push(session);
      return session;
    },
    async [Symbol.asyncDispose]() {
      for (const session of sessions) session[Symbol.dispose]();
      model[Symbol.dispose]();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

/** Seeded byte tokens. */
export function randomTokens(n: number, seed: number): number[] {
  const next = random(seed);
  return Array.from({ length: n }, () => Math.floor(next() * 256));
}

/** Largest difference over the largest magnitude of `wanted`. */
export function relativeError(found: ArrayLike<number>, wanted: ArrayLike<number>): number {
  let difference = 0, magnitude = 0;
  for (let i = 0; i < wanted.length; i++) {
    difference = Math.max(difference, Math.abs(found[i]! - wanted[i]!));
    magnitude = Math.max(magnitude, Math.abs(wanted[i]!));
  }
  return difference / magnitude;
}
