/** Conversations to prompt text, by the model's own template. */

import { Template } from "@huggingface/jinja";
import { RunError } from "../error.ts";
import type { ChatMessage, ChatTemplate } from "./types.ts";

/** A template in the Jinja dialect of Hugging Face chat templates; it is parsed when it is first needed. */
export class JinjaChatTemplate implements ChatTemplate {
  readonly #source: string;
  readonly #tokens: Readonly<Record<string, string>>;
  #template: Template | undefined;

  /** @param tokens Texts of the special tokens that templates may name: `bos_token`, `eos_token`. */
  constructor(source: string, tokens: { readonly bos_token: string; readonly eos_token: string }) {
    this.#source = source;
    this.#tokens = tokens;
  }

  /** @throws {RunError} with the template's own words when it refuses the conversation. */
  render(
    messages: readonly ChatMessage[],
    { generationPrompt = true }: { generationPrompt?: boolean } = {},
  ): string {
    try {
      this.#template ??= new Template(this.#source);
      return this.#template.render({
        ...this.#tokens,
        messages: messages.map((message) => ({ ...message })),
        add_generation_prompt: generationPrompt,
        // Defined but empty, because that is what the templates were written against.
        tools: null,
        documents: null,
      });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new RunError(`Cannot render the chat template: ${reason.replace(/\s+/g, " ").trim()}`, { cause: error });
    }
  }
}
