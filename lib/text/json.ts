/** Reading `tokenizer.json` with an error that names the field. */

import { RunError } from "../error.ts";

export type Json = Readonly<Record<string, unknown>>;

/** @param where Path of the value for messages, e.g. `model.vocab`. */
export function objectAt(value: unknown, where: string): Json {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Json;
  throw wrongJson(where, "an object", value);
}

export function listAt(value: unknown, where: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw wrongJson(where, "a list", value);
}

export function textAt(value: unknown, where: string): string {
  if (typeof value === "string") return value;
  throw wrongJson(where, "a string", value);
}

export function wrongJson(where: string, wanted: string, value: unknown): RunError {
  const found = value === undefined ? "missing" : Array.isArray(value) ? "a list" : shortened(JSON.stringify(value));
  return new RunError(`Cannot load the tokenizer: ${where} must be ${wanted}: current value is ${found}`);
}

function shortened(text: string): string {
  return text.length <= 80 ? text : `${text.slice(0, 77)}...`;
}
