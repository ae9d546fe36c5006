/** What a model's files are identified by, without reading gigabytes. */
import { basename } from "node:path";
import { sha256 } from "../../model/sha256.ts";
import { TEXT_FILES } from "../../model/huggingface.ts";
import type { ModelSource } from "../../model/types.ts";

/** Bytes of weights that are read: pieces at even distances, so that models trained further are told from their parent. */
const PIECES = 16, PIECE_BYTES = 4096;

/**
 * First 16 hexadecimal digits of a SHA-256 over each file's name, size and header, pieces of its weights, and the files that
 * decide how texts become tokens. Where the files lie does not matter.
 */
export async function modelId({ path, format, tensors }: ModelSource): Promise<string> {
  const hash = sha256();
  const text = (value: string) => hash.update(new TextEncoder().encode(`${value}\n`));
  const places = [...Map.groupBy(tensors, (tensor) => tensor.path)].sort(([a], [b]) => a < b ? -1 : 1);
  for (const [file, inside] of places) {
    using open = await Deno.open(file);
    const { size } = await open.stat();
    text(`${basename(file)} ${size}`);
    const begin = Math.min(...inside.map(({ offset }) => offset));
    hash.update(await bytesAt(open, 0, begin));
    for (let i = 0; i < PIECES; i++) {
      const from = begin + Math.floor((size - begin) * i / PIECES);
      hash.update(await bytesAt(open, from, Math.min(PIECE_BYTES, size - from)));
    }
  }
  for (const name of format === "safetensors" ? TEXT_FILES : []) {
    const bytes = await Deno.readFile(`${path}/${name}`).catch((error) => {
      if (error instanceof Deno.errors.NotFound) return null;
      throw error;
    });
    if (bytes === null) continue;
    text(`${name} ${bytes.length}`);
    hash.update(bytes);
  }
  return hash.hex().slice(0, 16);
}

async function bytesAt(file: Deno.FsFile, from: number, count: number): Promise<Uint8Array> {
  await file.seek(from, Deno.SeekMode.Start);
  const bytes = new Uint8Array(count);
  for (let done = 0; done < count;) {
    const got = await file.read(bytes.subarray(done));
    if (got === null) return bytes.subarray(0, done);
    done += got;
  }
  return bytes;
}
