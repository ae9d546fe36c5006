/** Agreement with the full cache: measured while the model runs, so that the numbers are what is scored. */
import type { Scoring } from "../sample.ts";
import type { Scores } from "./metric.ts";

/** Share of the steps with the full cache's most likely token; everything else that was measured under its own name. */
export function fidelity(_answer: string, { details = {} }: Scoring): Scores {
  const numbers = Object.entries(details).filter((entry): entry is [string, number] => typeof entry[1] === "number");
  return { ...Object.fromEntries(numbers), score: Number(details["top1"]) };
}
