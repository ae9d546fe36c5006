/** Tokens that are recognised in running text before anything else: `<|im_start|>`, `</s>`, tokens a user added. */

export interface AddedToken {
  readonly id: number;
  readonly text: string;
  /** Part of the protocol, not of the language: only recognised where the caller allows it. */
  readonly special: boolean;
  /** Swallows white space to its left, to its right. */
  readonly lstrip?: boolean;
  readonly rstrip?: boolean;
  /** Only where no letter, digit or underscore touches it. */
  readonly singleWord?: boolean;
}

interface Node {
  readonly children: Map<number, Node>;
  token: AddedToken | null;
}

export class AddedTokens {
  readonly #root: Node = { children: new Map(), token: null };

  constructor(tokens: Iterable<AddedToken>) {
    for (const token of tokens) {
      if (token.text === "") continue;
      let node = this.#root;
      for (let i = 0; i < token.text.length; i++) {
        const code = token.text.charCodeAt(i);
        let child = node.children.get(code);
        if (child === undefined) node.children.set(code, child = { children: new Map(), token: null });
        node = child;
      }
      node.token ??= token;
    }
  }

  /**
   * Cuts a text at added tokens, the longest one at the leftmost place first.
   *
   * @param special  Whether special tokens count, too.
   * @returns Stretches of text, none empty, and ids of tokens, in order.
   */
  split(text: string, special: boolean): (string | number)[] {
    const parts: (string | number)[] = [];
    let start = 0; // of the text that is not yet in `parts`
    for (let at = 0; at < text.length;) {
      const token = this.#longestAt(text, at, special);
      if (token === null) {
        at++;
        continue;
      }
      let stop = at;
      if (token.lstrip) { while (stop > start && isSpace(text[stop - 1]!)) stop--; }
      if (stop > start) parts.push(text.slice(start, stop));
      parts.push(token.id);
      at += token.text.length;
      if (token.rstrip) { while (at < text.length && isSpace(text[at]!)) at++; }
      start = at;
    }
    if (start < text.length) parts.push(text.slice(start));
    return parts;
  }

  #longestAt(text: string, at: number, special: boolean): AddedToken | null {
    let longest: AddedToken | null = null;
    let node = this.#root.children.get(text.charCodeAt(at));
    for (let end = at + 1; node !== undefined; end++) {
      if (node.token !== null && (special || !node.token.special)) {
        if (!node.token.singleWord || standsAlone(text, at, end)) longest = node.token;
      }
      if (end >= text.length) break;
      node = node.children.get(text.charCodeAt(end));
    }
    return longest;
  }
}

const isSpace = (char: string): boolean => /\p{White_Space}/u.test(char);

const isWordPart = (char: string | undefined): boolean => char !== undefined && /[\p{L}\p{M}\p{N}\p{Pc}]/u.test(char);

function standsAlone(text: string, start: number, end: number): boolean {
  return !isWordPart(text[start - 1]) && !isWordPart(text[end]);
}
