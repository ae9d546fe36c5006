/** Tokens by id, and what kind each one is. */

/** Kinds of tokens; the numbers are `tokenizer.ggml.token_type` of GGUF files. */
export const TokenKind = { undefined: 0, normal: 1, unknown: 2, control: 3, user: 4, unused: 5, byte: 6 } as const;

export class Vocabulary {
  /** Pieces by id, as the model's files write them; empty where an id has no token. */
  readonly pieces: readonly string[];
  /** A TokenKind for each id. */
  readonly kinds: Uint8Array;
  #ids: Map<string, number> | undefined;

  constructor(pieces: readonly string[], kinds: Uint8Array) {
    this.pieces = pieces;
    this.kinds = kinds;
  }

  get size(): number {
    return this.pieces.length;
  }

  /** Id of a piece, the lowest one where several tokens share it. The index is built on first use: start-up matters. */
  idOf(piece: string): number | undefined {
    this.#ids ??= indexed(this.pieces);
    return this.#ids.get(piece);
  }

  /** Control and unknown tokens: not part of a text's words, and left out when text is decoded. */
  isSpecial(id: number): boolean {
    const kind = this.kinds[id];
    return kind === TokenKind.control || kind === TokenKind.unknown;
  }
}

function indexed(pieces: readonly string[]): Map<string, number> {
  const ids = new Map<string, number>();
  for (let id = pieces.length - 1; id >= 0; id--) ids.set(pieces[id]!, id);
  ids.delete(""); // ids without a token
  return ids;
}
