/**
 * The task `fidelity`: prose, and how far an arm's next-token distributions are from the full cache's when both are fed what
 * the full cache says.
 */
import { RunError } from "../error.ts";
import type { ModelText } from "../text/types.ts";
import { promptTokens } from "./prompt/assemble.ts";
import { Dice } from "./dice.ts";
import { mostWithin } from "./prompt/fill.ts";
import type { Haystack } from "./haystack/haystack.ts";
import { openHaystack } from "./haystack/source.ts";
import type { Sample } from "./sample.ts";
import type { Length, Task, TaskSpec } from "./task.ts";
import { TaskOptions } from "./task_options.ts";

/** Of what makes samples: another one wherever the same request gives another text. */
const GENERATOR = "fidelity-1";

export const tasks: readonly string[] = [];

/** @throws {UsageError} for options that it does not know or cannot use, {RunError} for a text that cannot be read. */
export async function open(spec: TaskSpec): Promise<Task> {
  const read = new TaskOptions(spec);
  const options = { haystack: read.text("haystack", "prose"), steps: read.integer("steps", 64, 1) };
  read.done();
  const { haystack, id } = await openHaystack(options.haystack);
  return {
    spec: { name: spec.name, options },
    dataMode: "native",
    usesLength: true,
    measures: "fidelity",
    dataId: `${GENERATOR} ${id}`,
    groups: ({ text, length, seed, count }) =>
      Promise.resolve(Array.from({ length: count }, (_, index) => ({
        id: `${index}`,
        keys: [`${index}`],
        // deno-lint-ignore require-await -- what it throws shall be a rejection
        make: async () => [passage(text, haystack, { length: length!, seed, index, steps: options.steps })],
      }))),
  };
}

/** A piece of prose that fills the length with room for the steps. @throws {RunError} where there is no such room. */
function passage(
  text: ModelText,
  haystack: Haystack,
  { length, seed, index, steps }: { length: Length; seed: number; index: number; steps: number },
): Sample {
  const dice = new Dice(seed, `fidelity/${haystack.name}/${length.count}${length.unit}/${index}`);
  const words = haystack.words(dice, length.count).slice(0, length.count);
  const make = (count: number): Sample => ({
    key: `${index}`,
    depth: null,
    context: words.slice(0, count).join("").trimEnd(),
    turns: [{
      question: "",
      answerPrefix: "",
      maxNewTokens: steps,
      scoring: { metric: "fidelity", references: [] },
    }],
    chat: "raw",
  });
  if (length.unit === "words") return make(words.length);
  const count = mostWithin(length.count - steps, words.length, (count) => promptTokens(text, make(count)));
  if (count === null || count === 0) {
    throw new RunError(`Cannot make a prompt of ${length.count} tokens: expected room for a word and ${steps} steps`);
  }
  return make(count);
}
