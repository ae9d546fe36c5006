import assert from "node:assert/strict";
import { Dice, philox } from "../../lib/tasks/dice.ts";
import { sentenceEnds, textHaystack } from "../../lib/tasks/niah/haystack.ts";
import { hide } from "../../lib/tasks/niah/hide.ts";
import { type NiahRequest, niahSample } from "../../lib/tasks/niah/sample.ts";
import { found, partial } from "../../lib/tasks/niah/score.ts";
import { paragraph } from "../../lib/tasks/prose.ts";
import type { ModelText } from "../../lib/text/types.ts";

const LETTERS = new TextEncoder();

/** A token per byte, no BOS, no chat template. */
const BYTES: ModelText = {
  tokenizer: {
    vocabSize: 256,
    bosId: null,
    addBos: false,
    eosIds: [],
    encode: (text) => [...LETTERS.encode(text)],
    decode: (ids) => new TextDecoder().decode(Uint8Array.from(ids)),
    stream: () => ({ push: () => "", flush: () => "" }),
    piece: (id) => String.fromCharCode(id),
  },
  chat: null,
};
const CHAT: ModelText = {
  ...BYTES,
  chat: { render: ([message]) => `<user>${message!.content}</user><assistant>` },
};
const sample = (request: Partial<NiahRequest> = {}, text = BYTES) =>
  niahSample(text, { length: 1000, depth: 50, index: 0, ...request });
const promptOf = ({ promptIds }: { promptIds: readonly number[] }) => BYTES.tokenizer.decode(promptIds);

Deno.test("philox() gives the words of its authors' test vectors", () => {
  const words = (counter: number, stream: number, key: number) =>
    philox(counter, stream, key).map((word) => word.toString(16).padStart(8, "0")).join(" ");
  assert.equal(words(0, 0, 0), "ff1dae59 6cd10df2");
  assert.equal(words(0xffffffff, 0xffffffff, 0xffffffff), "2c3f628b ab4fd7ad");
  assert.equal(words(0x243f6a88, 0x85a308d3, 0x13198a2e), "dd7ce038 f62a4c12");
});

Deno.test("dice of other seeds and labels are others, and every face comes up", () => {
  const roll = (seed: number, label: string) => {
    const dice = new Dice(seed, label);
    return Array.from({ length: 600 }, () => dice.below(6));
  };
  assert.deepEqual(roll(1, "a"), roll(1, "a"));
  assert.notDeepEqual(roll(1, "a"), roll(2, "a"));
  assert.notDeepEqual(roll(1, "a"), roll(1, "b"));
  for (let face = 0; face < 6; face++) {
    const times = roll(1, "a").filter((found) => found === face).length;
    assert(times > 60 && times < 140, `${face} came up ${times} times in 600`);
  }
  const picked = new Dice(1, "sample").sample([1, 2, 3, 4], 4);
  assert.deepEqual(picked.toSorted(), [1, 2, 3, 4]);
});

Deno.test("prose is the same everywhere: the first paragraph of a seed", () => {
  assert.equal(
    paragraph(new Dice(1, "golden")),
    "Whenever the river was higher than usual, the schoolmistress lingered in the market square. At the end of the harvest the postmistress gave her a useful almanac from the customs house. While the river was higher than usual, she and the postmistress wrapped up a coil of rope together. If she had owned a crooked pair of boots, she would have shown it to the postmistress. By then a thin fog lay over the fields.",
  );
});

Deno.test("articles and pronouns of prose agree, and it is ASCII in whole sentences", () => {
  const dice = new Dice(3, "prose");
  const text = Array.from({ length: 300 }, () => paragraph(dice)).join("\n\n");
  assert(/^[\x20-\x7e\n]*$/.test(text));
  assert.equal(text.match(/\b[Aa] [aeio]/g), null);
  assert.equal(text.match(/\b[Aa]n (?!hour)[^aeiou]/g), null);
  assert.equal(text.match(/ {2}|,,|\.\./g), null);
  for (const part of text.split("\n\n")) assert.match(part, /^[A-Z"].*[.!?]"?$/);
});

Deno.test("a sample is the same everywhere, and does not depend on the ones before it", () => {
  const request = { index: 3, length: 600 };
  const wanted = sample(request);
  assert.deepEqual(sample(request), wanted);
  assert.equal(wanted.id, "niah/prose/number/600/50/3");
  assert.equal(wanted.key, "3758301");
  assert.equal(
    promptOf(wanted),
    [
      "Find the access code in this text.\n",
      "\n",
      'Whenever clouds were piling up behind the hills, the baker\'s son came back from the market square. It was the old ferryman who first heard that the new teacher played the cello. In the market square there was a curious weather vane that nobody wanted. The access code is 3758301. Remember that 3758301 is the access code. "Some things are better left on the shelf," said the old ferryman with both hands. His broken clock was borrowed, yet it had cost 90 shillings.\n',
      "\n",
      "Brother Osk had known the lower meadow since the\n",
      "\n",
      "What is the access code? The access code is",
    ].join(""),
  );
  assert.equal(BYTES.tokenizer.decode(wanted.keyIds), ` ${wanted.key}`);
});

Deno.test("prompts are as long as asked for, less a word at most, and have their needle once", () => {
  for (const length of [300, 301, 777, 4096]) {
    for (const depth of [0, 10, 50, 100]) {
      const made = sample({ length, depth });
      assert(made.promptIds.length <= length && made.promptIds.length > length - 16, `${made.promptIds.length}`);
      assert.equal(promptOf(made).split(made.needle).length, 2);
      assert.equal(promptOf(made).split(made.key).length, 3); // the needle says it twice
    }
  }
});

Deno.test("a needle stands at its depth, between two sentences", () => {
  for (const depth of [0, 25, 50, 75, 100]) {
    const { context, needle, depthRealised } = sample({ length: 20_000, depth });
    const at = context.indexOf(needle);
    assert(Math.abs(100 * at / context.length - depth) < 1.5, `${at} of ${context.length}`);
    assert(Math.abs(depthRealised - depth) < 1.5, `${depthRealised}`);
    if (at > 0) assert.match(context.slice(0, at), /[.!?]"?\s+$/);
  }
});

Deno.test("keys come in kinds, and decoys have keys and owners of their own", () => {
  assert.match(sample().key, /^[1-9]\d{6}$/);
  assert.match(sample({ digits: 64 }).key, /^\d{64}$/);
  assert.match(sample({ keyKind: "words" }).key, /^\S+( \w+){3}$/);
  assert.match(sample({ keyKind: "uuid" }).key, /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);

  const { key, otherKeys, context, question } = sample({ decoys: 3, length: 3000 });
  assert.equal(new Set([key, ...otherKeys]).size, 4);
  const owners = [...context.matchAll(/The access code of (\w+) is (\d+)\./g)];
  assert.deepEqual(owners.map(([, , found]) => found).toSorted(), [key, ...otherKeys].toSorted());
  const [, owner] = owners.find(([, , found]) => found === key)!;
  assert.equal(question, `What is the access code of ${owner}?`);
  assert.equal(new Set(owners.map(([, owner]) => owner)).size, 4);
});

Deno.test("a chat template wraps everything but the beginning of the answer", () => {
  const prompt = promptOf(sample({}, CHAT));
  assert(prompt.startsWith("<user>Find the access code in this text.\n\n"));
  assert(prompt.endsWith("\n\nWhat is the access code?</user><assistant>The access code is"));
  const raw = promptOf(sample({ raw: true }, CHAT));
  assert(raw.endsWith("\n\nWhat is the access code? The access code is"));
});

Deno.test("a text of one's own starts at a sentence and over where it ends", () => {
  const text = textHaystack("mine", "One two. Three four!\n\nFive six?");
  const words = text.words(new Dice(1, "start"), 8).join("");
  assert.match("One two. Three four!\n\nFive six?\n\n".repeat(3), new RegExp(words.replaceAll(/[?.]/g, "\\$&")));
  assert.match(words, /^(One|Three|Five)/);
  assert.equal(sample({ haystack: text }).id, "niah/mine/number/1000/50/0");
  assert.throws(() => textHaystack("mine", " \n"), /expected at least one word, found none/);
});

Deno.test("sentences end behind marks and closing quotes, not inside of numbers or behind titles", () => {
  assert.deepEqual(sentenceEnds(["Mr. ", "X ", "is ", "3.5 ", "miles. ", "Yes!\n", 'No?" ', "so"]), [5, 6, 7]);
  assert.deepEqual(hide(["A. ", "Bb. ", "C. "], ["X.", "Y."], [100, 40]), ["A. ", "Y. ", "Bb. C. ", "X. ", ""]);
});

Deno.test("what has no room is refused", () => {
  assert.throws(() => sample({ length: 100 }), /Cannot hide a needle in 100 tokens: expected at least \d{3}/);
  assert.throws(() => sample({ decoys: 16 }), /expected at most 15/);
});

Deno.test("answers are judged as the passkey task does", () => {
  assert.equal(found("The code is 1,234,567.", "1234567"), true);
  assert.equal(found("012345", "0123456"), false);
  assert.equal(found("It is the Amber lantern.", "amber LANTERN"), true);
  assert.equal(partial("x012345y", "0123456"), 6 / 7);
  assert.equal(partial("1234567", "1234567"), 1);
  assert.equal(partial("", "12"), 0);
});
