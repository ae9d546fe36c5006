/** Options of a task from flags. */
import { UsageError } from "../../lib/error.ts";
import type { Json } from "../../lib/tasks/sample.ts";

/** Of flags of their own; those that nobody gave are left to the task. */
export function givenOptions(flags: Readonly<Record<string, Json | undefined>>): Record<string, Json> {
  return Object.fromEntries(
    Object.entries(flags).filter((entry): entry is [string, Json] => entry[1] !== undefined),
  );
}

/**
 * Of texts such as `depths=linear:5`. Values are JSON where they read as such, text otherwise.
 *
 * @throws {UsageError} for one that is not `name=value`.
 */
export function taskOptions(flag: string, assignments: readonly string[]): Record<string, Json> {
  return Object.fromEntries(assignments.map((text) => {
    const [, name, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
    if (name === undefined) {
      throw new UsageError(`Cannot use ${flag} as it must be name=value: current value is "${text}"`);
    }
    return [name, jsonOrText(value!)];
  }));
}

function jsonOrText(text: string): Json {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
