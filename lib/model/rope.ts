/** Rotary frequencies with their scaling: every variant ends as radians per position of each rotated pair. */
import type { RopeConfig } from "./types.ts";

export type RopeScaling =
  | { readonly kind: "none" }
  /** Positions are divided by `factor` (position interpolation, arXiv:2306.15595). */
  | { readonly kind: "linear"; readonly factor: number }
  /** Llama 3.1: slow pairs are divided by `factor`, fast ones stay, those between are blended. */
  | {
    readonly kind: "llama3";
    readonly factor: number;
    readonly lowFreqFactor: number;
    readonly highFreqFactor: number;
    /** Tokens of the context before scaling. */
    readonly originalContext: number;
  }
  /** YaRN (arXiv:2309.00071): the blend of `llama3` with a linear ramp over pairs, and sharper attention. */
  | {
    readonly kind: "yarn";
    readonly factor: number;
    readonly originalContext: number;
    /** Turns within the original context above which a pair stays as it is, and below which it is divided. */
    readonly betaFast: number;
    readonly betaSlow: number;
    /** Whether the ends of the ramp are rounded outwards to whole pairs. */
    readonly truncate: boolean;
    /** Null: 0.1 ln(factor) + 1. */
    readonly attentionFactor: number | null;
  }
  /** What frequencies are divided by, pair by pair; GGUF files carry Llama 3's scaling this way. */
  | { readonly kind: "divisors"; readonly divisors: Float32Array };

export interface RopeSpec {
  readonly theta: number;
  /** Leading dims of a head that are rotated, even. */
  readonly dims: number;
  readonly interleaved: boolean;
  readonly scaling: RopeScaling;
}

/** Frequencies in float64, by the formulas of the reference implementation. */
export function ropeConfig({ theta, dims, interleaved, scaling }: RopeSpec): RopeConfig {
  const plain = Float64Array.from({ length: dims / 2 }, (_, i) => theta ** (-2 * i / dims));
  const about = (text: string) => `theta ${theta}${text}`;
  const done = (invFreq: Float64Array, text: string, attentionFactor = 1): RopeConfig => ({
    dims,
    interleaved,
    invFreq,
    attentionFactor,
    description: about(text),
  });
  switch (scaling.kind) {
    case "none":
      return done(plain, "");
    case "linear":
      return done(plain.map((f) => f / scaling.factor), `, linear x${scaling.factor}`);
    case "llama3":
      return done(plain.map((f) => llama3(f, scaling)), `, llama3 x${scaling.factor}`);
    case "yarn":
      return done(
        yarn(plain, theta, dims, scaling),
        `, yarn x${scaling.factor}`,
        scaling.attentionFactor ?? (scaling.factor <= 1 ? 1 : 0.1 * Math.log(scaling.factor) + 1),
      );
    case "divisors": {
      const { divisors } = scaling;
      const range = `${Math.min(...divisors)} to ${Math.max(...divisors)}`;
      return done(plain.map((f, i) => f / divisors[i]!), `, divided by ${range}`);
    }
  }
}

function llama3(frequency: number, s: RopeScaling & { kind: "llama3" }): number {
  const turns = s.originalContext * frequency / (2 * Math.PI); // within the original context
  if (turns > s.highFreqFactor) return frequency;
  if (turns < s.lowFreqFactor) return frequency / s.factor;
  const smooth = (turns - s.lowFreqFactor) / (s.highFreqFactor - s.lowFreqFactor);
  return (1 - smooth) * frequency / s.factor + smooth * frequency;
}

function yarn(plain: Float64Array, theta: number, dims: number, s: RopeScaling & { kind: "yarn" }): Float64Array {
  // The (fractional) pair that turns `turns` times within the original context.
  const pairOf = (turns: number) => dims * Math.log(s.originalContext / (turns * 2 * Math.PI)) / (2 * Math.log(theta));
  const [down, up] = s.truncate ? [Math.floor, Math.ceil] : [Number, Number];
  const low = Math.max(down(pairOf(s.betaFast)), 0);
  const high = Math.min(up(pairOf(s.betaSlow)), dims - 1);
  const width = high === low ? 0.001 : high - low;
  return plain.map((frequency, i) => {
    const divided = Math.min(Math.max((i - low) / width, 0), 1); // share that is interpolated
    return frequency / s.factor * divided + frequency * (1 - divided);
  });
}
