/** A model on disk as float64 reference. */
import { openModel } from "../../lib/model/open_model.ts";
import { dequantize } from "../reference/quant.ts";
import { ReferenceModel, weightKey } from "../reference/model.ts";

/** A fresh sequence of the model at `path`. */
export async function referenceOf(path: string): Promise<ReferenceModel> {
  const { config, tensors } = await openModel(path);
  const weights = new Map<string, Float64Array>();
  for (const { role, layer, dtype, path, offset, bytes } of tensors) {
    using file = Deno.openSync(path);
    file.seekSync(offset, Deno.SeekMode.Start);
    const data = new Uint8Array(bytes);
    for (let at = 0; at < bytes;) at += file.readSync(data.subarray(at))!;
    weights.set(weightKey(role, layer), dequantize(dtype, data));
  }
  return new ReferenceModel(config, weights);
}
