/**
 * The method that suits the compression: the full cache where it fits the budget, selection alone where little has to be
 * left out, both of RocketKV's stages beyond.
 *
 * In the tables of the RocketKV paper (arXiv:2502.14051) selection alone is as good as RocketKV or better up to about 8x
 * compression and falls behind above; eviction then also saves the memory. Below that the paper's tasks gain nothing
 * from eviction, and what was evicted cannot come back.
 */

import { compressionOf } from "./budget.ts";
import { settingsOf } from "./compose.ts";
import { defineMethod } from "./define.ts";
import { hsa } from "./hsa.ts";
import type { Method } from "./method.ts";
import { COMMON } from "./parameters.ts";
import { rocketkv } from "./rocketkv.ts";

const EVICT_ABOVE = 8;

export const auto: Method = defineMethod({
  name: "auto",
  summary: "full, hsa or rocketkv, whichever suits the compression",
  paper: "RocketKV, ICML 2025, arXiv:2502.14051",
  parameters: [
    {
      name: "evict_above",
      unit: "ratio",
      help: "compression from which on rocketkv is used, hsa below",
      default: `${EVICT_ABOVE}`,
      min: 1,
      max: 1e6,
      fractional: true,
    },
    ...withoutCommon(rocketkv),
  ],
  plan(input) {
    const compression = compressionOf(input.tokenBudget, input.promptTokens + input.newTokens);
    const chosen = compression <= (input.set["evict_above"] ?? EVICT_ABOVE) ? hsa : rocketkv;
    return chosen.plan(settingsOf(chosen, input));
  },
});

function withoutCommon({ parameters }: Method): Method["parameters"] {
  return parameters.filter((p) => !COMMON.includes(p));
}
