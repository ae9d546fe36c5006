/**
 * Writes a constructed retrieval model: a real Llama whose weights are formulas, made in a second, without a download.
 *
 *   deno run --allow-read --allow-write scripts/make_needle_model.ts OUT [--format huggingface|gguf] [--dtype f32|bf16]
 *       [--heads 8] [--kv-heads 2] [--ngram 16] [--beta 24] [--diverge]
 *
 * Its tokens are bytes. It finds the byte that followed the same 16 bytes earlier in the text, and says EOS when
 * nothing matches, at any length up to 2^20 tokens. So whether an eviction or a selection kept what matters is read
 * from the text that comes out. Layers 0 to 2 give every position the codes of the 16 bytes before it (1, then 3, 9,
 * 17 known bytes); layer 3 compares them with the newest 16 bytes. `needle/plan.ts` has the shape, `needle/rope.ts`
 * the use of positions.
 */

import { parseArgs } from "node:util";
import { UsageError } from "../lib/error.ts";
import { writeNeedleGguf } from "./needle/gguf.ts";
import { writeHuggingFace } from "./needle/huggingface.ts";
import { needleModel } from "./needle/model.ts";
import type { NeedleShape } from "./needle/plan.ts";
import type { FloatDType } from "./needle/weights.ts";

export interface NeedleModelOptions extends NeedleShape {
  /** A Hugging Face folder, or one GGUF file. @default {"huggingface"} */
  readonly format?: "huggingface" | "gguf";
  /** Element type of the matrices. @default {"f32"} */
  readonly dtype?: FloatDType;
}

/**
 * Writes the model to `out`: a folder, created when it is missing, or a file with format `gguf`.
 *
 * @throws {RangeError} for a shape that the construction cannot have.
 */
export function makeNeedleModel(out: string, options: NeedleModelOptions = {}): void {
  const { format = "huggingface", dtype = "f32", ...shape } = options;
  const model = needleModel(shape);
  if (format === "gguf") writeNeedleGguf(out, model, dtype);
  else writeHuggingFace(out, model, dtype);
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    args: Deno.args,
    allowPositionals: true,
    options: {
      format: { type: "string", default: "huggingface" },
      dtype: { type: "string", default: "f32" },
      heads: { type: "string", default: "8" },
      "kv-heads": { type: "string", default: "2" },
      ngram: { type: "string", default: "16" },
      beta: { type: "string", default: "24" },
      diverge: { type: "boolean", default: false },
    },
  });
  const [out] = positionals;
  if (out === undefined) throw new UsageError("Cannot make a needle model: expected one path to write to, found none");
  makeNeedleModel(out, {
    format: oneOf("format", values.format, ["huggingface", "gguf"]),
    dtype: oneOf("dtype", values.dtype, ["f32", "bf16"]),
    heads: Number(values.heads),
    kvHeads: Number(values["kv-heads"]),
    ngram: Number(values.ngram),
    beta: Number(values.beta),
    diverge: values.diverge,
  });
}

function oneOf<T extends string>(name: string, value: string, choices: readonly T[]): T {
  const choice = choices.find((c) => c === value);
  if (choice === undefined) {
    throw new UsageError(`Cannot use --${name} "${value}": expected ${choices.join(" or ")}`);
  }
  return choice;
}
