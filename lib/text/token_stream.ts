/** Text of tokens that arrive one by one. */

import type { TokenStream } from "./types.ts";

/**
 * Bytes in, whole characters out. A character may be spread over several tokens; the text that comes out is the same
 * however the tokens are cut, and bytes that are no UTF-8 become U+FFFD.
 */
export class Utf8TokenStream implements TokenStream {
  readonly #bytesOf: (id: number) => Uint8Array;
  // ignoreBOM keeps U+FEFF, which would vanish at the start of a text otherwise.
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  #dropSpace: boolean;

  /** @param dropFirstSpace SentencePiece models write a text's first word with a space that was not there. */
  constructor(bytesOf: (id: number) => Uint8Array, dropFirstSpace: boolean) {
    this.#bytesOf = bytesOf;
    this.#dropSpace = dropFirstSpace;
  }

  push(id: number): string {
    return this.#emit(this.#decoder.decode(this.#bytesOf(id), { stream: true }));
  }

  flush(): string {
    return this.#emit(this.#decoder.decode());
  }

  #emit(text: string): string {
    if (!this.#dropSpace || text === "") return text;
    this.#dropSpace = false;
    return text.startsWith(" ") ? text.slice(1) : text;
  }
}
