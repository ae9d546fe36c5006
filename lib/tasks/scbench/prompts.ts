/**
 * Prompts in words of our own, of the same shape as SCBench's: an instruction where the task needs one, the context, then one
 * question per turn. Numbers compare with each other, not with published ones.
 */
import { refuseData } from "../files/row.ts";
import type { Session, SessionTurn } from "./session.ts";

/** Another name wherever a word changes. */
export const PROMPT_PACK = "rocketkv-1";

export interface TurnText {
  readonly question: string;
  readonly answerPrefix: string;
}

/** In front of the context. */
const LEADS: Readonly<Record<string, string>> = {
  kv: "Below is a JSON object. You will be asked for values of its keys.",
  repoqa:
    "Below is the code of a repository. You will be given descriptions of functions in it. Write out the described " +
    "function exactly as it is in the code, in a block between lines of three backticks, and nothing else.",
  qa_eng: "Read the book below. Questions about it follow; answer them in a few words.",
  qa_chn: "请阅读下面的书，然后用几个字回答问题。",
  choice_eng: "Read the book below. Questions about it follow, each with four options.",
  mf: "Below is a list of numbers. Questions about it follow; answer with a number alone.",
};

export function contextText(task: string, { context, prerendered }: Session): string {
  const lead = LEADS[task];
  return prerendered || lead === undefined ? context : `${lead}\n\n${context}`;
}

/** @throws {UsageError} for a choice without four options. */
export function turnText(task: string, { row, prerendered }: Session, turn: SessionTurn): TurnText {
  const { input, options } = turn;
  if (prerendered) return { question: `\n\n${input}`, answerPrefix: "" };
  switch (task) {
    case "qa_eng":
      return { question: `\n\nQuestion: ${input}`, answerPrefix: "Answer:" };
    case "qa_chn":
      return { question: `\n\n问题：${input}`, answerPrefix: "回答：" };
    case "choice_eng": {
      if (options?.length !== 4) {
        refuseData(row.path, row.place, `every turn must have four "options": found ${options?.length ?? 0}`);
      }
      const lines = options.map((option, i) => `${"ABCD"[i]}. ${option}`).join("\n");
      return { question: `\n\nQuestion: ${input}\n${lines}`, answerPrefix: "The letter of the right option is" };
    }
    case "mf": {
      const asked = /^The (.+) is\W*$/.exec(input.trim())?.[1];
      const question = asked === undefined ? input : `What is the ${asked.toLowerCase()}?`;
      return { question: `\n\n${question}`, answerPrefix: `The ${asked?.toLowerCase() ?? "answer"} is` };
    }
    default:
      return { question: `\n\n${input}`, answerPrefix: "" };
  }
}
