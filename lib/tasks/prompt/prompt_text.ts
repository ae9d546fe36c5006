/** A sample as text: what the model reads in front of each answer. */
import { RunError } from "../../error.ts";
import type { ChatMessage, ChatTemplate, ModelText } from "../../text/types.ts";
import type { Sample, Turn } from "../sample.ts";

/** The parts of a sample's prompts, in order of reading. */
export interface PromptText {
  /** Everything up to the end of the context. */
  readonly head: string;
  /** Where in `head` the context begins, in UTF-16 units; what stands there is its end if the template cut white space off. */
  readonly contextStart: number;
  /** Of each turn, right behind the context: question, markup, beginning of the answer. */
  readonly tails: readonly string[];
  /** Of each turn but the first, behind the answer of the turn before: end of that answer's markup, then as a tail. */
  readonly links: readonly string[];
}

/**
 * Put a sample into the model's chat template. A model without one reads the bare text, with the beginning of the answer on a
 * line of its own.
 *
 * @throws {RunError} when the template changes the context.
 */
export function promptText({ chat }: ModelText, sample: Sample): PromptText {
  const { context, turns } = sample;
  if (sample.chat !== "model" || chat === null) {
    const tails = turns.map((turn) => sample.chat === "model" ? onALine(turn) : turn.question + turn.answerPrefix);
    return { head: context, contextStart: 0, tails, links: tails.slice(1) };
  }
  const mark = unusedIn([context, ...turns.map(({ question }) => question)]);
  const tails: string[] = [];
  let head = "";
  for (const { question, answerPrefix } of turns) {
    const parts = chat.render([{ role: "user", content: context + mark + question }]).split(mark);
    if (parts.length !== 2 || !parts[0]!.endsWith(context.trimStart())) {
      throw new RunError("Cannot use the chat template: expected it to leave messages as they are");
    }
    head = parts[0]!;
    tails.push(parts[1]! + answerPrefix);
  }
  const links = turns.slice(1).map(({ question, answerPrefix }) => linkText(chat, mark, question) + answerPrefix);
  return { head, contextStart: head.length - context.length, tails, links };
}

/** What the template writes between the end of an answer and the beginning of the next one. */
function linkText(chat: ChatTemplate, mark: string, question: string): string {
  const messages: ChatMessage[] = [
    { role: "user", content: mark },
    { role: "assistant", content: mark },
    { role: "user", content: question.trimStart() }, // the white space that a question has belongs behind a context
  ];
  return chat.render(messages).split(mark).at(-1)!;
}

function onALine({ question, answerPrefix }: Turn): string {
  const joined = answerPrefix === "" || /^\s/.test(answerPrefix) || /\s$/.test(question);
  return joined ? question + answerPrefix : `${question}\n${answerPrefix}`;
}

/** A mark that white space is not cut off at. */
function unusedIn(texts: readonly string[]): string {
  let mark = "\uE000context\uE000"; // of the private use area
  while (texts.some((text) => text.includes(mark))) mark += "\uE000";
  return mark;
}
