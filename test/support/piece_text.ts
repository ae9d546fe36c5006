import type { ModelText } from "../../lib/text/types.ts";
import { BYTES } from "./byte_text.ts";

const pieces: string[] = [];
const ids = new Map<string, number>();

function idOf(piece: string): number {
  if (!ids.has(piece)) ids.set(piece, pieces.push(piece) - 1);
  return ids.get(piece)!;
}

/** Tokens of white space and up to five letters, so that prompts are about as long as with a real vocabulary. */
export const PIECES: ModelText = {
  tokenizer: {
    ...BYTES.tokenizer,
    encode: (text) => (text.match(/\s*\S{1,5}|\s+$/g) ?? []).map(idOf),
    decode: (ids) => ids.map((id) => pieces[id]).join(""),
    stream: () => ({ push: (id) => pieces[id]!, flush: () => "" }),
    piece: (id) => pieces[id]!,
  },
  chat: null,
};
