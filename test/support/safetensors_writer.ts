/** Writes safetensors files for tests, whole or in shards. */
import { SAFETENSORS_DTYPES } from "../../lib/model/dtype.ts";

export interface SafetensorsData {
  readonly name: string;
  readonly dtype: "f32" | "f16" | "bf16";
  /** Outermost axis first, as in PyTorch. */
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/** The bytes of a safetensors file: header length, JSON header padded to 8 bytes, data without gaps. */
export function safetensorsBytes(tensors: readonly SafetensorsData[]): Uint8Array<ArrayBuffer> {
  const header: Record<string, unknown> = { __metadata__: { format: "pt" } };
  let end = 0;
  for (const { name, dtype, shape, data } of tensors) {
    header[name] = { dtype: spelling(dtype), shape, data_offsets: [end, end += data.length] };
  }
  return safetensorsWithHeader(JSON.stringify(header), tensors.map(({ data }) => data));
}

/** A file with any text for a header: tests of damaged files need it. */
export function safetensorsWithHeader(header: string, data: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const unpadded = new TextEncoder().encode(header);
  const length = Math.ceil(unpadded.length / 8) * 8;
  const file = new Uint8Array(8 + length + data.reduce((sum, d) => sum + d.length, 0)).fill(0x20, 8, 8 + length);
  new DataView(file.buffer).setBigUint64(0, BigInt(length), true);
  file.set(unpadded, 8);
  let at = 8 + length;
  for (const d of data) {
    file.set(d, at);
    at += d.length;
  }
  return file;
}

export function writeSafetensors(path: string, tensors: readonly SafetensorsData[]): void {
  Deno.writeFileSync(path, safetensorsBytes(tensors));
}

/** Deal the tensors out to `shards` files in a folder and write `model.safetensors.index.json` beside them. */
export function writeShardedSafetensors(folder: string, tensors: readonly SafetensorsData[], shards: number): void {
  const weightMap: Record<string, string> = {};
  const number = (n: number) => String(n).padStart(5, "0");
  for (let s = 0; s < shards; s++) {
    const file = `model-${number(s + 1)}-of-${number(shards)}.safetensors`;
    const part = tensors.filter((_, i) => i % shards === s);
    for (const { name } of part) weightMap[name] = file;
    writeSafetensors(`${folder}/${file}`, part);
  }
  const index = {
    metadata: { total_size: tensors.reduce((sum, { data }) => sum + data.length, 0) },
    weight_map: weightMap,
  };
  Deno.writeTextFileSync(`${folder}/model.safetensors.index.json`, JSON.stringify(index));
}

function spelling(dtype: SafetensorsData["dtype"]): string {
  for (const [text, value] of SAFETENSORS_DTYPES) if (value === dtype) return text;
  throw new Error(`no safetensors spelling of ${dtype}`);
}
