/** Between the words of `--kv-type`, the options of a session, and the numbers that costs are made of. */
import { UsageError } from "../error.ts";
import { type KvFormat, kvFormat, type KvType } from "../methods/kv_format.ts";
import type { LayerPlans } from "../methods/plan.ts";
import type { SessionOptions } from "../native/session.ts";

type KvOptions = Pick<SessionOptions, "kvType" | "kvBits" | "kvGroup" | "kvResidual">;

/** What a session needs to hear to store its cache as `type`. */
export function kvOptions(type: KvType, headDim: number): KvOptions {
  const { elementBytes, bits, group, residual } = kvFormat(type, headDim);
  const kvType = elementBytes === 4 ? "f32" : "bf16";
  return bits === 0 ? { kvType } : { kvType, kvBits: bits, kvGroup: group, kvResidual: residual };
}

/** How a session with these options stores its cache. */
export function formatOf({ kvType = "bf16", kvBits = 0, kvGroup = 32, kvResidual = 128 }: KvOptions = {}): KvFormat {
  return { elementBytes: kvType === "f32" ? 4 : 2, bits: kvBits, group: kvGroup, residual: kvResidual };
}

/**
 * Refuse plans that a quantised cache cannot follow: groups of tokens share their scales, so single ones cannot go.
 *
 * @throws {UsageError}
 */
export function checkKvFormat(method: string, plans: LayerPlans, { bits }: KvFormat): void {
  if (bits === 0 || plans.every(({ stepKeep }) => stepKeep === 0)) return;
  throw new UsageError(
    `Cannot use --kv-type int${bits} with ${method}: expected a method that drops nothing at single steps: ` +
      "pass --kv-type bf16",
  );
}
