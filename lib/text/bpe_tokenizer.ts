/** Byte-pair encoding from text to token ids and back, for byte-level and SentencePiece-style vocabularies alike. */

import { type AddedToken, AddedTokens } from "./added_tokens.ts";
import { bytesOfPiece, pieceOfBytes } from "./byte_alphabet.ts";
import { Merger } from "./merge.ts";
import { type JoinRule, PairTable } from "./pair_table.ts";
import type { Splitter } from "./splitter.ts";
import { byteSymbols, type CharacterOptions, characterSymbols, type Symbols } from "./symbols.ts";
import { Utf8TokenStream } from "./token_stream.ts";
import type { Tokenizer, TokenStream } from "./types.ts";
import { TokenKind, type Vocabulary } from "./vocabulary.ts";

/** What a tokenizer is made of, whichever file it came from. */
export interface BpeParts {
  readonly vocabulary: Vocabulary;
  /** Makes the rule by which tokens join; called once, before the first text is encoded. */
  readonly joinRule: () => JoinRule;
  readonly added: readonly AddedToken[];
  /** Text between added tokens to words: normalisation and pre-tokenization. */
  readonly words: Splitter;
  /** What a piece is written in: bytes as printable characters, or characters with "▁" for a space. */
  readonly alphabet: { readonly kind: "bytes" } | { readonly kind: "characters" } & CharacterOptions;
  /** A word that is a token as a whole becomes that token, whatever the merges say. */
  readonly wholeWords: boolean;
  /** Decoding drops a space in front of the text. */
  readonly dropFirstSpace: boolean;
  readonly bosId: number | null;
  readonly addBos: boolean;
  readonly eosIds: readonly number[];
}

/** Words are cached up to this length in UTF-16 units, and up to this many at a time. */
const CACHED_LENGTH = 48;
const CACHED_WORDS = 1 << 16;

const NO_BYTES = new Uint8Array(0);
const utf8 = new TextEncoder();
const fromUtf8 = new TextDecoder("utf-8", { ignoreBOM: true });

interface Encoder {
  readonly symbols: Symbols;
  readonly merger: Merger;
  /** No token reaches over a space, so a text may be cut there before it is merged. */
  readonly cutsAtSpaces: boolean;
}

export class BpeTokenizer implements Tokenizer {
  readonly vocabSize: number;
  readonly bosId: number | null;
  readonly addBos: boolean;
  readonly eosIds: readonly number[];
  readonly #parts: BpeParts;
  readonly #added: AddedTokens;
  readonly #addedTexts: ReadonlyMap<number, string>;
  readonly #bytes = new Map<number, Uint8Array>();
  readonly #cache = new Map<string, readonly number[]>();
  /** Built with the first text: commands that only look at a model do without. */
  #encoder: Encoder | undefined;

  constructor(parts: BpeParts) {
    this.#parts = parts;
    this.#added = new AddedTokens(parts.added);
    this.#addedTexts = new Map(parts.added.map(({ id, text }) => [id, text]));
    this.vocabSize = parts.vocabulary.size;
    this.bosId = parts.bosId;
    this.addBos = parts.addBos && parts.bosId !== null;
    this.eosIds = parts.eosIds;
  }

  encode(text: string, { bos = true, special = true }: { bos?: boolean; special?: boolean } = {}): number[] {
    const ids: number[] = [];
    this.#added.split(text.toWellFormed(), special).forEach((part, i) => {
      if (typeof part === "number") ids.push(part);
      else for (const word of this.#wordsOf(part, i === 0)) for (const id of this.#idsOf(word)) ids.push(id);
    });
    if (bos && this.addBos && ids[0] !== this.bosId) ids.unshift(this.bosId!);
    return ids;
  }

  decode(ids: readonly number[], { special = false }: { special?: boolean } = {}): string {
    const stream = this.#stream(special, false);
    const pieces = ids.map((id) => stream.push(id));
    pieces.push(stream.flush());
    return pieces.join("");
  }

  stream({ continues = false }: { continues?: boolean } = {}): TokenStream {
    return this.#stream(false, continues);
  }

  piece(id: number): string {
    return this.#parts.vocabulary.pieces[id] || `[id ${id}]`;
  }

  #stream(special: boolean, continues: boolean): TokenStream {
    const { vocabulary, dropFirstSpace } = this.#parts;
    const bytesOf = (id: number) => !special && vocabulary.isSpecial(id) ? NO_BYTES : this.#bytesOf(id);
    return new Utf8TokenStream(bytesOf, dropFirstSpace && !continues);
  }

  #bytesOf(id: number): Uint8Array {
    let bytes = this.#bytes.get(id);
    if (bytes === undefined) this.#bytes.set(id, bytes = this.#decodePiece(id));
    return bytes;
  }

  #decodePiece(id: number): Uint8Array {
    const { vocabulary, alphabet } = this.#parts;
    const piece = vocabulary.pieces[id] ?? "";
    const added = this.#addedTexts.get(id);
    if (added !== undefined) return utf8.encode(added);
    if (vocabulary.kinds[id] === TokenKind.byte) return Uint8Array.of(parseInt(piece.slice(3, 5), 16));
    if (alphabet.kind === "bytes") return bytesOfPiece(piece) ?? utf8.encode(piece);
    return utf8.encode(piece.replaceAll("▁", " "));
  }

  #wordsOf(text: string, atStart: boolean): string[] {
    const { alphabet, wholeWords } = this.#parts;
    const words = this.#parts.words(text, atStart);
    if (alphabet.kind === "bytes" || wholeWords || !this.#ready().cutsAtSpaces) return words;
    // SentencePiece models see a whole text as one word. Word by word the result is the same, and words can be cached.
    return words.flatMap((word) => word.match(/▁*[^▁]+|▁+/g) ?? []);
  }

  #idsOf(word: string): readonly number[] {
    const cached = this.#cache.get(word);
    if (cached !== undefined) return cached;
    const ids = this.#encodeWord(word);
    if (word.length <= CACHED_LENGTH) {
      if (this.#cache.size >= CACHED_WORDS) this.#cache.clear();
      // A copy, because a slice would keep the whole text it was cut from in memory.
      this.#cache.set(fromUtf8.decode(utf8.encode(word)), ids);
    }
    return ids;
  }

  #encodeWord(word: string): number[] {
    const { vocabulary, alphabet, wholeWords } = this.#parts;
    if (wholeWords) {
      const id = vocabulary.idOf(alphabet.kind === "bytes" ? pieceOfBytes(utf8.encode(word)) : word);
      if (id !== undefined && !vocabulary.isSpecial(id)) return [id];
    }
    const { symbols, merger } = this.#ready();
    return merger.merge(symbols(word));
  }

  #ready(): Encoder {
    if (this.#encoder === undefined) {
      const { vocabulary, alphabet, joinRule } = this.#parts;
      const bytes = alphabet.kind === "bytes";
      this.#encoder = {
        symbols: bytes ? byteSymbols(vocabulary) : characterSymbols(vocabulary, alphabet),
        merger: new Merger(new PairTable(joinRule())),
        cutsAtSpaces: !bytes && !vocabulary.pieces.some((piece) => /[^▁]▁/.test(piece)),
      };
    }
    return this.#encoder;
  }
}
