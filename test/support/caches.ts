/** Every kind of cache that a session can have: what plans leave behind, plain and coded. */
import type { Plan } from "../../lib/methods/plan.ts";
import type { SessionOptions } from "../../lib/native/session.ts";
import { EXACT } from "./native.ts";
import { PLANS } from "./plans.ts";

/** Small enough that prompts and steps of some tens of tokens fill groups. */
export const CODED: Readonly<Record<string, SessionOptions>> = {
  "8 bits": { ...EXACT, kvBits: 8, kvGroup: 8, kvResidual: 16 },
  "2 bits, bf16": { kvType: "bf16", trace: true, kvBits: 2, kvGroup: 16, kvResidual: 16 },
};

/** Name, plan and options. Coded rows cannot be dropped one by one. */
export const CACHES: readonly (readonly [string, Plan, SessionOptions])[] = [
  ...Object.entries(PLANS).map(([name, plan]) => [name, plan, EXACT] as const),
  ...Object.entries(CODED).flatMap(([coding, options]) =>
    Object.entries(PLANS).filter(([, plan]) => plan.stepKeep === 0)
      .map(([name, plan]) => [`${name}, ${coding}`, plan, options] as const)
  ),
];
