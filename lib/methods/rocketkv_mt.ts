/**
 * RocketKV-MT, for conversations: nothing is dropped, but each turn decodes on the tokens that its own prompt votes for
 * (arXiv:2502.14051, section 3.5). It reads as little as RocketKV and stores as much as the full cache.
 *
 * Every turn prefills densely over the whole history, then the last queries of that turn vote over all of it, so a
 * token passed over in one turn can come back in the next.
 *
 * Where this differs from the code published with the paper, and why:
 * - what a turn may attend to is a list of indices; theirs copies the chosen keys and values;
 * - a turn of one token is filtered like any other; theirs takes it for a decode step;
 * - the caller may plan each turn anew with the history's length; theirs fixes the numbers at turn 1;
 * - see `rocketkv.ts` for the rest.
 */

import { defineMethod } from "./define.ts";
import type { Method } from "./method.ts";
import { planRocket, rocketParameters } from "./rocketkv.ts";

/** Turns are short questions over a long history: the paper votes with 128 queries there instead of 32. */
const WINDOW = 128;

export const rocketkvMt: Method = defineMethod({
  name: "rocketkv-mt",
  summary: "rocketkv that drops nothing and votes again at every turn",
  paper: "RocketKV-MT, ICML 2025, arXiv:2502.14051",
  parameters: rocketParameters(WINDOW),
  scoresHeads: true,
  plan: (input) => ({ ...planRocket(input, WINDOW), keepHistory: true }),
});
