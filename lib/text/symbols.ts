/** The smallest units of a word, as token ids: where byte-pair encoding starts from. */

import { BYTE_TO_CHAR } from "./byte_alphabet.ts";
import type { Vocabulary } from "./vocabulary.ts";

export type Symbols = (word: string) => number[];

const utf8 = new TextEncoder();

/** Byte-level BPE: one symbol per UTF-8 byte. Bytes that the vocabulary lacks are dropped, as the original does. */
export function byteSymbols(vocabulary: Vocabulary): Symbols {
  const ids = BYTE_TO_CHAR.map((char) => vocabulary.idOf(char));
  return (word) => {
    const symbols: number[] = [];
    for (const byte of utf8.encode(word)) {
      const id = ids[byte];
      if (id !== undefined) symbols.push(id);
    }
    return symbols;
  };
}

export interface CharacterOptions {
  /** Write characters outside the vocabulary as the byte tokens <0x00> to <0xFF>. */
  readonly byteFallback: boolean;
  /** Token of a character that cannot be written otherwise; null drops it. */
  readonly unkId: number | null;
  /** One unknown token for a run of such characters. */
  readonly fuseUnk: boolean;
}

/** SentencePiece-style BPE: one symbol per character. */
export function characterSymbols(vocabulary: Vocabulary, options: CharacterOptions): Symbols {
  const { byteFallback, unkId, fuseUnk } = options;
  const byteIds = byteFallback ? Array.from({ length: 256 }, (_, byte) => vocabulary.idOf(bytePiece(byte))) : [];
  return (word) => {
    const symbols: number[] = [];
    let afterUnknown = false;
    for (const char of word) {
      const id = vocabulary.idOf(char);
      const bytes = id === undefined && byteFallback ? Array.from(utf8.encode(char), (byte) => byteIds[byte]) : [];
      const known = id !== undefined ? [id] : bytes.every((byte) => byte !== undefined) ? bytes : [];
      if (known.length > 0) symbols.push(...known);
      else if (unkId !== null && !(fuseUnk && afterUnknown)) symbols.push(unkId);
      afterUnknown = known.length === 0;
    }
    return symbols;
  };
}

/** How SentencePiece vocabularies write a byte: <0x0A>. */
export function bytePiece(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`;
}
