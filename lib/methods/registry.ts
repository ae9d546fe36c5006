/** Every method by name. A new one needs its file, its line here, and its row in `docs/methods.md`. */

import { UsageError } from "../error.ts";
import { full } from "./full.ts";
import { hsa } from "./hsa.ts";
import type { Method } from "./method.ts";
import { nearest } from "../nearest.ts";
import { oracle } from "./oracle.ts";
import { oracleGroup } from "./oracle_group.ts";
import { quest } from "./quest.ts";
import { rocketkv } from "./rocketkv.ts";
import { rocketkvMt } from "./rocketkv_mt.ts";
import { snapkv } from "./snapkv.ts";
import { sparq } from "./sparq.ts";
import { streaming } from "./streaming.ts";

/** In the order of help texts and tables: the reference, ours, the rivals, the ceilings. */
export const methods: readonly Method[] = [
  full,
  rocketkv,
  rocketkvMt,
  hsa,
  snapkv,
  quest,
  sparq,
  streaming,
  oracle,
  oracleGroup,
];

/** @throws {UsageError} for an unknown name; the message lists the known ones. */
export function findMethod(name: string): Method {
  const found = methods.find((method) => method.name === name);
  if (found !== undefined) return found;
  const names = methods.map((method) => method.name);
  const close = nearest(name, names);
  const hint = close === null ? "" : `did you mean "${close}"? `;
  throw new UsageError(`Cannot use --method "${name}": ${hint}methods are ${names.join(", ")}`);
}
