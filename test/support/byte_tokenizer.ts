import { byteLetters } from "./byte_letters.ts";

/**
 * `tokenizer.json` of a byte-pair encoding without merges: token ids are the UTF-8 bytes after BOS.
 *
 * @param special  Id and text of the tokens that are no bytes; the first is BOS.
 */
export function byteTokenizer(special: readonly (readonly [id: number, text: string])[]): Record<string, unknown> {
  const [first] = special;
  if (first === undefined) throw new Error("a byte tokenizer needs a BOS token");
  const [bosId, bosText] = first;
  const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false };
  const bos = { SpecialToken: { id: bosText, type_id: 0 } };
  const sequence = (id: string, type_id: number) => ({ Sequence: { id, type_id } });
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: special.map(([id, content]) => (
      { id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true }
    )),
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: {
      type: "TemplateProcessing",
      single: [bos, sequence("A", 0)],
      pair: [bos, sequence("A", 0), sequence("B", 1)],
      special_tokens: { [bosText]: { id: bosText, ids: [bosId], tokens: [bosText] } },
    },
    decoder: byteLevel,
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(byteLetters().map((letter, b) => [letter, b])),
      merges: [],
    },
  };
}
