/**
 * Writes the table of plans that the GPU benchmarks use: methods are formulas in lib/methods and nowhere else.
 *
 *   .tools/bin/deno run --allow-write=scripts scripts/gpu_check/make_plans.ts
 */

import type { PlanInput } from "../../lib/methods/method.ts";
import { DENSE } from "../../lib/methods/plan.ts";
import { findMethod, methods } from "../../lib/methods/registry.ts";
import { packPlans } from "../../lib/native/plan.ts";
import { PLAN } from "../../lib/native/structs.ts";

type Shape = Pick<PlanInput, "headDim" | "group" | "nLayers" | "nKvHeads">;

/** As in `shape_of()` of test/gpu/bench/bench_model.cpp. */
const LLAMA_8B: Shape = { headDim: 128, group: 4, nLayers: 32, nKvHeads: 8 };
const NARROW: Shape = { headDim: 128, group: 4, nLayers: 2, nKvHeads: 2 };
const TINY: Shape = { headDim: 64, group: 2, nLayers: 2, nKvHeads: 2 };

/**
 * Comma-separated, one plan a line: of a layer, or of all layers where that says -1. A budget of 0 stands for methods
 * that have none; numbers of f32 are written as their bits.
 */
export function planTable(): string {
  const fields = Object.keys(PLAN.unpack(packPlans([DENSE])));
  const lines = [["shape", "context", "method", "budget", "layer", ...fields].join(",")];
  const add = (name: string, method: string, budget: number, input: Omit<PlanInput, "tokenBudget" | "set">) => {
    const plans = findMethod(method).plan({ ...input, tokenBudget: budget, set: {} });
    for (const [layer, plan] of plans.entries()) {
      const [, ...numbers] = new Int32Array(packPlans([plan]).buffer); // the first one is the struct's size
      const head = [name, input.promptTokens, method, method === "full" ? 0 : budget];
      lines.push([...head, plans.length === 1 ? -1 : layer, ...numbers].join(","));
    }
  };
  // Plans alone cannot say what a sparse prefill does, nor what a method's file holds.
  const measured = methods.filter((method) => method.files === undefined && method.patterns === undefined);
  for (const { name } of measured) add("tiny", name, 48, { ...TINY, promptTokens: 160, newTokens: 8 });
  for (const { name } of measured) add("narrow", name, 512, { ...NARROW, promptTokens: 4500, newTokens: 8 });
  for (const promptTokens of [2048, 4096, 6144, 8192, 16_384, 32_768, 65_536, 131_072]) {
    const input = { ...LLAMA_8B, promptTokens, newTokens: 128 };
    add("llama-8b", "full", 256, input);
    for (const budget of [256, 512, 1024, 2048]) add("llama-8b", "rocketkv", budget, input);
  }
  return lines.join("\n") + "\n";
}

if (import.meta.main) await Deno.writeTextFile(new URL("plans.csv", import.meta.url), planTable());
