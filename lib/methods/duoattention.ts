/**
 * DuoAttention: KV heads that retrieve from far away keep everything, all others only the first and the most recent
 * tokens; which is which was trained once for each model (arXiv:2410.10819).
 *
 * The budget is met on average over all KV heads: with more than 640 tokens, streaming heads have 128 sinks and 512
 * recent tokens and the share f of heads retrieves, f (prompt + new) + (1 - f) 640 = budget; with fewer, every head
 * streams, with 128 sinks above 256 tokens and a fifth of the budget below (arXiv:2502.14051, appendix A.3).
 *
 * Where this differs from the official code, and why:
 * - sinks, recent tokens and the share follow the budget; officially 64, 256 and a sparsity of 0.5;
 * - of equal gates a hash of layer and head decides; officially random noise of the same size;
 * - the whole prompt is prefilled densely; officially only its first chunk.
 */

import { UsageError } from "../error.ts";
import { defineMethod, forLayers } from "./define.ts";
import { checkGates, type Gates } from "./gates_file.ts";
import type { Method, PlanInput } from "./method.ts";
import { recent, sinks } from "./parameters.ts";
import { DENSE } from "./plan.ts";

const SINKS = 128, RECENT = 512;

/** What streaming heads keep, and the share of KV heads that keep everything. */
export interface DuoSplit {
  readonly sinks: number;
  readonly recent: number;
  readonly share: number;
}

/** @param totalTokens  Prompt + new tokens, more than the budget. */
export function duoSplit(tokenBudget: number, totalTokens: number): DuoSplit {
  const streaming = SINKS + RECENT;
  if (tokenBudget > streaming) {
    return { sinks: SINKS, recent: RECENT, share: (tokenBudget - streaming) / (totalTokens - streaming) };
  }
  const first = tokenBudget > 2 * SINKS ? SINKS : Math.floor(tokenBudget / 5);
  return { sinks: first, recent: tokenBudget - first, share: 0 };
}

/** KV heads that retrieve, [n_layers][any number of heads, ascending]: the round(share * all) with the largest gates. */
export function retrievalHeads({ gates }: Gates, share: number): number[][] {
  const heads = gates.flatMap((row, layer) =>
    row.map((gate, head) => ({ layer, head, gate: gate + 1e-6 * hash(layer, head) }))
  );
  const chosen = heads.sort((a, b) => b.gate - a.gate).slice(0, Math.round(share * heads.length));
  return gates.map((_, layer) =>
    chosen.filter((one) => one.layer === layer).map(({ head }) => head).sort((a, b) => a - b)
  );
}

/** A number in [0, 1) that looks random and is always the same. */
function hash(layer: number, head: number): number {
  const mixed = Math.imul(Math.imul(layer + 1, 0x9e3779b1) ^ (head + 1), 0x85ebca6b);
  return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
}

export const duoattention: Method = defineMethod({
  name: "duoattention",
  summary: "retrieval heads keep everything, the others the first and the most recent tokens",
  paper: "DuoAttention, ICLR 2025, arXiv:2410.10819",
  parameters: [
    sinks(`${SINKS} above a budget of ${2 * SINKS}, else floor(budget / 5)`),
    recent(`${RECENT} above a budget of ${SINKS + RECENT}, else budget - sinks`),
    {
      name: "retrieval",
      unit: "share",
      help: "KV heads of all layers that keep everything",
      default: `(budget - ${SINKS + RECENT}) / (prompt + new - ${SINKS + RECENT}), at least 0`,
      min: 0,
      max: 1,
      fractional: true,
    },
  ],
  files: ["gates"],
  check: (input) => checkGates(gatesOf(input), input),
  plan(input) {
    const { tokenBudget, promptTokens, newTokens, nKvHeads, nLayers, set } = input;
    const split = duoSplit(tokenBudget, promptTokens + newTokens);
    const first = set["sinks"] ?? split.sinks;
    const keep = first + Math.max(1, set["recent"] ?? split.recent);
    const retrieval = retrievalHeads(gatesOf(input), set["retrieval"] ?? split.share);
    return forLayers(nLayers, (layer) =>
      retrieval[layer]!.length === nKvHeads ? DENSE : {
        ...DENSE,
        evict: "recent",
        keep,
        sinks: first,
        stepKeep: keep,
        denseHeads: retrieval[layer]!,
      });
  },
});

function gatesOf({ files }: PlanInput): Gates {
  if (files?.gates !== undefined) return files.gates;
  throw new UsageError(
    "Cannot plan duoattention: expected the gates of the model, found none: pass --method-file gates=<path> with the " +
      "full_attention_heads.tsv that DuoAttention trains or publishes for it",
  );
}
