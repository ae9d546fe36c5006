/** A record of LongBench v2 as a sample. */
import type { Row } from "../files/row.ts";
import type { Sample } from "../sample.ts";

/** Prompts are in words of our own; another name wherever a word changes. */
export const PROMPT_PACK = "rocketkv-1";

const LETTERS = ["A", "B", "C", "D"];

/** @throws {UsageError} naming file, place and field. */
export function sampleOf(row: Row, key: string, newTokens: number): Sample {
  const answer = row.text("answer");
  if (!LETTERS.includes(answer)) row.fail("answer", "a letter from A to D");
  const choices = LETTERS.map((letter) => `(${letter}) ${row.text(`choice_${letter}`)}`).join("\n");
  return {
    key,
    depth: null,
    context: `Read the text below. A question with four choices comes at the end.\n\n${row.text("context").trim()}`,
    turns: [{
      question: `\n\nQuestion: ${row.text("question").trim()}\nChoices:\n${choices}\n\n` +
        'Say which choice is right, in this form: "The correct answer is (letter)".',
      answerPrefix: "",
      maxNewTokens: newTokens,
      scoring: {
        metric: "stated_choice",
        references: [answer],
        details: { difficulty: row.text("difficulty"), length: row.text("length") },
      },
    }],
    chat: "model",
    about: { id: row.text("_id", key), domain: row.text("domain", ""), subDomain: row.text("sub_domain", "") },
  };
}
