/** Text in, token ids out, and back. */

export interface Tokenizer {
  readonly vocabSize: number;
  /** Id of the beginning-of-sequence token, or null where the model has none. */
  readonly bosId: number | null;
  /** Whether the model expects `bosId` in front of a plain prompt. */
  readonly addBos: boolean;
  /** Every token that ends a turn or a text: generation stops on any of them. */
  readonly eosIds: readonly number[];
  /**
   * Token ids of a text.
   *
   * @param options.bos      Put the BOS token in front when the model expects one and the text does not start with it. Default true.
   * @param options.special  Recognise special tokens written in the text (chat templates need it). Default true.
   */
  encode(text: string, options?: { bos?: boolean; special?: boolean }): number[];
  /** Text of token ids; special tokens are left out unless `special` is true. */
  decode(ids: readonly number[], options?: { special?: boolean }): string;
  /**
   * Decoder for one token at a time that never emits half a character.
   *
   * @param options.continues  The text goes on after other text, so the space in front of its first word is its own.
   *                           Default false: SentencePiece models write one that was not in the text.
   */
  stream(options?: { continues?: boolean }): TokenStream;
  /** The token as the vocabulary writes it, for tables and traces. */
  piece(id: number): string;
}

export interface TokenStream {
  /** Text that became certain with this token. */
  push(id: number): string;
  /** What is left at the end. */
  flush(): string;
}

export interface ChatMessage {
  readonly role: "system" | "user" | "assistant";
  readonly content: string;
}

export interface ChatTemplate {
  /** The prompt text of a conversation, with the assistant's header at the end unless `generationPrompt` is false. */
  render(messages: readonly ChatMessage[], options?: { generationPrompt?: boolean }): string;
}

/** What `lib/text` makes of a model's TextSource. */
export interface ModelText {
  readonly tokenizer: Tokenizer;
  /** Null where the model has no chat template (a base model). */
  readonly chat: ChatTemplate | null;
}
