import type { ModelText } from "../text/types.ts";
import type { Sample } from "./sample.ts";

/** Tokens of a sample's first turn in front of the answer, everything counted. */
export function promptTokens({ tokenizer, chat }: ModelText, sample: Sample): number {
  const { question, answerPrefix } = sample.turns[0]!, content = sample.context + question;
  const text = chat !== null && sample.chat === "model"
    ? chat.render([{ role: "user", content }]) + answerPrefix
    : content + answerPrefix;
  return tokenizer.encode(text).length;
}
