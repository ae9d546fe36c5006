/** The task `niah`: needles at all depths of a haystack. */
import { openHaystack } from "../haystack/source.ts";
import type { Task, TaskSpec } from "../task.ts";
import type { Json } from "../sample.ts";
import { niahSamples, sampleKeys } from "./generate.ts";
import { niahOptions } from "./options.ts";

/** Of what makes samples: another one wherever the same request gives another text. */
const GENERATOR = "niah-2";

export const tasks: readonly string[] = [];

/** @throws {UsageError} for options that it does not know or cannot use, {RunError} for a haystack that cannot be read. */
export async function open(spec: TaskSpec): Promise<Task> {
  const options = niahOptions(spec);
  const { haystack, id } = await openHaystack(options.haystack);
  return {
    spec: { name: spec.name, options: { ...options } satisfies Record<string, Json> },
    dataMode: "native",
    usesLength: true,
    dataId: `${GENERATOR} ${id}`,
    groups: ({ text, length, seed, count }) =>
      Promise.resolve(Array.from({ length: count }, (_, index) => ({
        id: `${index}`,
        keys: sampleKeys(options, index),
        // deno-lint-ignore require-await -- a group may have to read files; what it throws shall be a rejection
        make: async () => niahSamples({ text, options, haystack, length: length!, seed, index }),
      }))),
  };
}
