import assert from "node:assert/strict";
import { Utf8TokenStream } from "../../lib/text/token_stream.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);

/** What a stream emits for each of these byte strings, and at the end. */
function emitted(tokens: readonly (string | number[])[], dropFirstSpace = false): string[] {
  const bytes = tokens.map((token) => typeof token === "string" ? bytesOf(token) : Uint8Array.from(token));
  const stream = new Utf8TokenStream((id) => bytes[id]!, dropFirstSpace);
  return [...bytes.map((_, id) => stream.push(id)), stream.flush()];
}

Deno.test("a stream holds a character back until its last byte has come", () => {
  const rocket = [...bytesOf("🚀")];
  assert.deepEqual(emitted([[rocket[0]!], rocket.slice(1, 3), [rocket[3]!], "!"]), ["", "", "🚀", "!", ""]);
  assert.deepEqual(emitted([[0x61, rocket[0]!], [...rocket.slice(1), 0x62]]), ["a", "🚀b", ""]);
});

Deno.test("a stream turns bytes that are no character into one U+FFFD each run and goes on", () => {
  assert.deepEqual(emitted([[0xff], "a"]), ["\ufffd", "a", ""]);
  assert.deepEqual(emitted([[0xf0, 0x9f], "a"]), ["", "\ufffda", ""]);
  assert.deepEqual(emitted(["a", [0xe4, 0xbd]]), ["a", "", "\ufffd"]);
});

Deno.test("a stream keeps a byte order mark and joined emoji whole", () => {
  assert.deepEqual(emitted(["\ufeff", "a"]), ["\ufeff", "a", ""]);
  assert.equal(emitted([..."👨‍👩‍👧"]).join(""), "👨‍👩‍👧");
});

Deno.test("a stream drops one space in front of the text when asked to, and only there", () => {
  assert.deepEqual(emitted(["", "  a", " b"], true), ["", " a", " b", ""]);
  assert.deepEqual(emitted(["a", " b"], true), ["a", " b", ""]);
  assert.deepEqual(emitted([" a"]), [" a", ""]);
});
