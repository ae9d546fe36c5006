/** The architectures that rocketkv computes: adding one whose layers have the same parts is a line of this table. */
import { refuse, show } from "./model_file.ts";

export interface Architecture {
  /** Canonical name; also `model_type` in `config.json`. */
  readonly name: string;
  /** The class in `architectures` of `config.json`. */
  readonly className: string;
  /** `general.architecture` of its GGUF files, or null where they come under another name. */
  readonly ggufName: string | null;
  /** Whether converters reorder Q and K rows so that neighbours 2i and 2i + 1 are rotated together. */
  readonly ggufInterleaved: boolean;
  readonly qkvBias: boolean;
  readonly qkNorm: boolean;
  /** How `config.json` speaks of a sliding window: not at all, by `sliding_window`, or only with `use_sliding_window`. */
  readonly window: "none" | "always" | "on request";
}

export const ARCHITECTURES: readonly Architecture[] = [
  // Llama 1 to 3.x, SmolLM2, Vicuna, LongChat
  {
    name: "llama",
    className: "LlamaForCausalLM",
    ggufName: "llama",
    ggufInterleaved: true,
    qkvBias: false,
    qkNorm: false,
    window: "none",
  },
  // GGUF files of Mistral 7B say llama
  {
    name: "mistral",
    className: "MistralForCausalLM",
    ggufName: null,
    ggufInterleaved: true,
    qkvBias: false,
    qkNorm: false,
    window: "always",
  },
  {
    name: "qwen2",
    className: "Qwen2ForCausalLM",
    ggufName: "qwen2",
    ggufInterleaved: false,
    qkvBias: true,
    qkNorm: false,
    window: "on request",
  },
  {
    name: "qwen3",
    className: "Qwen3ForCausalLM",
    ggufName: "qwen3",
    ggufInterleaved: false,
    qkvBias: false,
    qkNorm: true,
    window: "on request",
  },
];

/** @throws {RunError} naming the architecture found and those supported. */
export function findArchitecture(path: string, key: "name" | "className" | "ggufName", value: string): Architecture {
  const found = ARCHITECTURES.find((architecture) => architecture[key] === value);
  if (found !== undefined) return found;
  const known = ARCHITECTURES.map((architecture) => architecture[key]).filter((name) => name !== null).join(", ");
  refuse(path, `model architecture must be one of ${known}: found ${show(value)}`);
}
