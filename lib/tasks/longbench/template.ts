/** Templates with `{context}` and `{input}`, as LongBench's `dataset2prompt.json` has them. */
import { UsageError } from "../../error.ts";
import { readJsonObject } from "../../model/json_file.ts";

/** The three parts of a prompt, with `{context}` in the first and `{input}` in the second. */
export interface PromptTemplate {
  /** Up to what is behind the document and does not depend on the question. */
  readonly context: string;
  readonly question: string;
  /** Beginning of the answer. */
  readonly answerPrefix: string;
}

/**
 * Split a format string where the question begins: at the line with `{input}`, or behind the document when there is none. What
 * stands between the two is the same for every question and belongs to the context. The cue at the end stays in the user's
 * message, as LongBench has it, so that there is no answer prefix.
 *
 * @param where  For errors.
 * @throws {UsageError} for a format string without `{context}`, or with fields that records do not have.
 */
export function splitTemplate(format: string, where: string): PromptTemplate {
  const fields = [...format.matchAll(FIELD)].map(([field]) => field).filter((field) => !/^(\{\{|\}\})$/.test(field));
  for (const field of fields) {
    if (field !== "{context}" && field !== "{input}") {
      throw new UsageError(`Cannot use ${where}: expected {context} and {input}, found ${field}`);
    }
  }
  if (fields[0] !== "{context}" || fields.length > 2) {
    throw new UsageError(
      `Cannot use ${where}: expected {context}, then {input} or nothing, found ${fields.join(", ") || "none"}`,
    );
  }
  const document = format.indexOf("{context}") + "{context}".length;
  const input = format.indexOf("{input}");
  const line = input < 0 ? document : Math.max(document, format.lastIndexOf("\n", input) + 1);
  const end = document + format.slice(document, line).trimEnd().length; // white space belongs to the question
  return { context: format.slice(0, end), question: format.slice(end), answerPrefix: "" };
}

/** Put values into a template, as Python's `str.format` does. */
export function fill(template: string, values: { readonly context: string; readonly input: string }): string {
  return template.replace(FIELD, (field) => {
    if (field === "{context}") return values.context;
    if (field === "{input}") return values.input;
    return field[0]!; // {{ and }}
  });
}

/** A field, or a brace that stands for itself. */
const FIELD = /\{\{|\}\}|\{[^{}]*\}/g;

/** The prompts of a `dataset2prompt.json`. @throws {RunError} for a bad file, {UsageError} when the task is not in it. */
export async function officialPrompt(path: string, task: string): Promise<PromptTemplate> {
  const format = (await readJsonObject(path))[task];
  if (typeof format !== "string") {
    throw new UsageError(`Cannot use ${path}: expected a text "${task}", found ${format}`);
  }
  return splitTemplate(format, `"${task}" of ${path}`);
}

/** Tokens of an answer in a `dataset2maxlen.json`. @throws {RunError} for a bad file, {UsageError} for a bad number. */
export async function officialNewTokens(path: string, task: string): Promise<number> {
  const count = (await readJsonObject(path))[task];
  if (typeof count === "number" && Number.isInteger(count) && count > 0) return count;
  throw new UsageError(
    `Cannot use ${path}: expected a whole number above 0 as "${task}", found ${JSON.stringify(count)}`,
  );
}
