/** Which letters of a text its tokens stand for. */
import type { Tokenizer } from "../../text/types.ts";

export class TokenMap {
  private constructor(
    /** UTF-16 units in front of every token, and of all: one more than there are tokens. */
    readonly ends: readonly number[],
  ) {}

  static of(tokenizer: Tokenizer, text: string): TokenMap {
    const stream = tokenizer.stream({ continues: true });
    const ends = [0];
    for (const id of tokenizer.encode(text, { bos: false, special: false })) {
      ends.push(ends.at(-1)! + stream.push(id).length);
    }
    // What tokenizers rewrite (accents, white space) comes out longer or shorter: places are then near, not exact.
    const scale = text.length / Math.max(1, ends.at(-1)!);
    return new TokenMap(scale === 1 ? ends : ends.map((end) => Math.round(end * scale)));
  }

  get tokens(): number {
    return this.ends.length - 1;
  }

  /** The tokens that are whole within so many units of the text. */
  upTo(units: number): TokenMap {
    return new TokenMap(this.ends.slice(0, this.before(units) + 1));
  }

  /** Where so many tokens end. */
  offset(tokens: number): number {
    return this.ends[Math.min(Math.max(Math.round(tokens), 0), this.tokens)]!;
  }

  /** Tokens that end at an offset or in front of it. */
  before(offset: number): number {
    let low = 0, high = this.tokens;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.ends[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
