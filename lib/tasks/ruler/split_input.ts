/** Where in the prompts of RULER's own files context, question and beginning of the answer meet. */
import { RunError } from "../../error.ts";
import type { RulerTask } from "./recipes.ts";

export interface SplitInput {
  readonly context: string;
  readonly question: string;
  readonly prefix: string;
  /** The chat template is in the text. */
  readonly prerendered: boolean;
}

/**
 * @param input   `input` of a line: ends with the question in current files, with the beginning of the answer in those of 2024.
 * @param prefix  `answer_prefix`; null where the files do not have it, and it is in the input.
 * @returns Parts that make the input and the prefix again when they are put together.
 * @throws {RunError} for a text that has no question of that task.
 */
export function splitInput(task: RulerTask, input: string, prefix: string | null): SplitInput {
  const found = [...input.matchAll(QUESTIONS[familyOf(task)])].at(-1);
  if (found === undefined) {
    throw new RunError(
      `Cannot find the question of task ${task}: expected "${QUESTIONS[familyOf(task)].source}" in the text`,
    );
  }
  const context = input.slice(0, found.index).trimEnd(), behind = input.slice(context.length);
  const prerendered = MARKUP.test(input);
  if (prefix !== null) return { context, question: behind, prefix, prerendered };
  const begin = PREFIX.exec(behind);
  if (begin === null) return { context, question: behind, prefix: "", prerendered };
  return { context, question: behind.slice(0, begin.index), prefix: behind.slice(begin.index), prerendered };
}

const QUESTIONS = {
  niah: /What (is|are all) the special magic/g,
  vt: /Question: Find all variables/g,
  cwe: /Question: What are the 10 most common/g,
  fwe: /Question: Do not provide/g,
  qa: /Answer the question based on the given documents/g,
} as const;

const PREFIX = /\s*(The special magic|Answer:)/;

/** What no benchmark text has, and chat templates do. */
const MARKUP = /<\|[^|>\n]{1,40}\|>|\[\/?INST\]|<(start|end)_of_turn>|\bASSISTANT:/;

function familyOf(task: RulerTask): keyof typeof QUESTIONS {
  if (task.startsWith("niah")) return "niah";
  return task.startsWith("qa") ? "qa" : task as "vt" | "cwe" | "fwe";
}
