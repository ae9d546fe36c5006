/** Every method and wrapper by name. A new one needs its file, its line here, and its row in `docs/methods.md`. */

import { UsageError } from "../error.ts";
import { nearest } from "../nearest.ts";
import { adakv } from "./adakv.ts";
import { auto } from "./auto.ts";
import { composeMethod } from "./compose.ts";
import { criticalkv } from "./criticalkv.ts";
import { duoattention } from "./duoattention.ts";
import { expectedAttention } from "./expected_attention.ts";
import { full } from "./full.ts";
import { h2o } from "./h2o.ts";
import { hsa } from "./hsa.ts";
import { keydiff } from "./keydiff.ts";
import { knorm } from "./knorm.ts";
import { lagkv } from "./lagkv.ts";
import type { Method, Wrapper } from "./method.ts";
import { minference } from "./minference.ts";
import { oracle } from "./oracle.ts";
import { oracleGroup } from "./oracle_group.ts";
import { pyramidkv } from "./pyramidkv.ts";
import { quest } from "./quest.ts";
import { questOfficial } from "./quest_official.ts";
import { random } from "./random.ts";
import { rocketkv } from "./rocketkv.ts";
import { rocketkvMt } from "./rocketkv_mt.ts";
import { snapkv } from "./snapkv.ts";
import { snapkvHead } from "./snapkv_head.ts";
import { sparq } from "./sparq.ts";
import { sparqOfficial } from "./sparq_official.ts";
import { streaming } from "./streaming.ts";
import { tova } from "./tova.ts";

/** In the order of help texts and tables: the reference, ours, the rivals by kind, the ceilings and the floor. */
export const methods: readonly Method[] = [
  full,
  auto,
  rocketkv,
  rocketkvMt,
  hsa,
  quest,
  questOfficial,
  sparq,
  sparqOfficial,
  snapkv,
  snapkvHead,
  pyramidkv,
  expectedAttention,
  knorm,
  keydiff,
  lagkv,
  streaming,
  h2o,
  tova,
  duoattention,
  minference,
  oracle,
  oracleGroup,
  random,
];

export const wrappers: readonly Wrapper[] = [adakv, criticalkv];

/**
 * The method of a name or an expression such as `adakv(snapkv)`.
 *
 * @throws {UsageError} for an unknown name (the message lists the known ones), or parts that do not fit together.
 */
export function findMethod(expression: string): Method {
  return composeMethod(expression, (name) => {
    const found = [...methods, ...wrappers].find((one) => one.name === name);
    if (found !== undefined) return found;
    const names = (list: readonly { name: string }[]) => list.map(({ name }) => name);
    const close = nearest(name, [...names(methods), ...names(wrappers)]);
    const hint = close === null ? "" : `did you mean "${close}"? `;
    throw new UsageError(
      `Cannot use --method "${expression}": ${hint}methods are ${names(methods).join(", ")}; ` +
        `wrappers are ${names(wrappers).join(", ")}`,
    );
  });
}
