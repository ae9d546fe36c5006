import { RunError } from "../error.ts";
import type { ChatMessage, ModelText } from "../text/types.ts";

/**
 * Token ids of a prompt, wrapped as one user message where the model has a chat template.
 *
 * @param options.raw     Take the text as it is, without the template.
 * @param options.system  System message in front; needs the template.
 * @throws {RunError} when nothing is left to run, or there is no place for the system message.
 */
export function encodePrompt(
  { tokenizer, chat }: ModelText,
  prompt: string,
  { raw = false, system }: { raw?: boolean; system?: string | undefined } = {},
): number[] {
  if (prompt === "") throw new RunError("Cannot run the prompt: expected at least one character, found none");
  if (raw || chat === null) {
    if (system !== undefined) {
      throw new RunError("Cannot use the system message: it needs a chat template, and this prompt runs without one");
    }
    return tokenizer.encode(prompt);
  }
  const messages: ChatMessage[] = [{ role: "user", content: prompt }];
  if (system !== undefined) messages.unshift({ role: "system", content: system });
  return tokenizer.encode(chat.render(messages));
}

/**
 * Refuse what the model was not made for.
 *
 * @param promptTokens  Tokens of the whole sequence before the answer.
 * @param newTokens     Most tokens of the answer.
 */
export function checkContext(promptTokens: number, newTokens: number, contextLength: number): void {
  const total = promptTokens + newTokens;
  if (total <= contextLength) return;
  throw new RunError(
    `Cannot run the prompt: the model was made for ${contextLength} tokens, found ${total} ` +
      `(${promptTokens} of the prompt and ${newTokens} new ones): shorten it, or pass --allow-long`,
  );
}
