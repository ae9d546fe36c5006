import type { ModelText } from "../../lib/text/types.ts";

const LETTERS = new TextEncoder();

/** A token per byte, no BOS, no chat template. */
export const BYTES: ModelText = {
  tokenizer: {
    vocabSize: 256,
    bosId: null,
    addBos: false,
    eosIds: [],
    encode: (text) => [...LETTERS.encode(text)],
    decode: (ids) => new TextDecoder().decode(Uint8Array.from(ids)),
    stream: () => {
      const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
      return {
        push: (id) => decoder.decode(Uint8Array.of(id), { stream: true }),
        flush: () => decoder.decode(),
      };
    },
    piece: (id) => String.fromCharCode(id),
  },
  chat: null,
};

/** The same with a chat template. */
export const CHAT_BYTES: ModelText = {
  ...BYTES,
  chat: { render: ([message]) => `<user>${message!.content}</user><assistant>` },
};
