/** The samples of the needle task: what they hide, where, and how long they are. */
import assert from "node:assert/strict";
import { openTask } from "../../lib/tasks/catalog.ts";
import { depthsFrom } from "../../lib/tasks/niah/depths.ts";
import { hide } from "../../lib/tasks/niah/place.ts";
import { promptTokens } from "../../lib/tasks/prompt/assemble.ts";
import type { Json, Sample } from "../../lib/tasks/sample.ts";
import type { ModelText } from "../../lib/text/types.ts";
import { BYTES, CHAT_BYTES } from "../support/byte_text.ts";

interface Request {
  readonly text?: ModelText;
  readonly length?: number;
  readonly unit?: "tokens" | "words";
  readonly seed?: number;
  readonly index?: number;
}

async function samples(options: { [name: string]: Json }, request: Request = {}): Promise<readonly Sample[]> {
  const { text = BYTES, length = 2000, unit = "tokens", seed = 0, index = 0 } = request;
  const task = await openTask({ name: "niah", options });
  const groups = await task.groups({ text, length: { unit, count: length }, seed, count: index + 1 });
  const made = await groups[index]!.make();
  assert.deepEqual(made.map(({ key }) => key), groups[index]!.keys);
  return made;
}

async function sample(options: { [name: string]: Json }, request: Request = {}): Promise<Sample> {
  const [first] = await samples({ depths: "50", ...options }, request);
  return first!;
}

const keyOf = ({ turns }: Sample) => turns[0]!.scoring.references[0]!;
const goldOf = ({ context, gold }: Sample) => (gold ?? []).map(({ from, to }) => context.slice(from, to));
const times = (text: string, part: string) => text.split(part).length - 1;

Deno.test("a needle sample is the same everywhere, and does not depend on the ones before it", async () => {
  const found = await sample({}, { index: 3, length: 600 });
  assert.equal(found.key, "3/50");
  assert.deepEqual(await sample({}, { index: 3, length: 600 }), found);
  assert.notDeepEqual(await sample({}, { index: 3, length: 600, seed: 1 }), found);
  const [turn] = found.turns;
  assert.equal(
    found.context + turn!.question + turn!.answerPrefix,
    [
      "Find the access code in this text.\n",
      "\n",
      'Whenever the wind had turned to the north, the weaver looked for work in the chapel garden. It was Jonas Wren who first heard that the well behind the forge had never run dry. The access code is 1750731. Remember that 1750731 is the access code. People in the mill yard still say that flour would be dearer after the holidays. "Ask me again when the apples are in," she said, and hurried to the upper village.\n',
      "\n",
      "Judge Marlow came to the chapel garden after the rain had stopped and left it in the second\n",
      "\n",
      "What is the access code?The access code is", // on a line of its own where there is no chat template
    ].join(""),
  );
  assert.equal(turn!.expected, ` ${keyOf(found)}`);
  assert.equal(turn!.maxNewTokens, turn!.expected!.length + 8);
});

Deno.test("all depths of a group share one haystack and one key", async () => {
  const made = await samples({ depths: "0,25,50,75,100" }, { length: 6000 });
  const [, second, , fourth] = made;
  assert.equal(new Set(made.map(keyOf)).size, 1);
  const without = made.map(({ context, gold: [span] = [] }) =>
    (context.slice(0, span!.from) + context.slice(span!.to)).replaceAll(/\s+/g, "")
  );
  assert.equal(new Set(without).size, 1);
  // The beginning is shared up to the first needle of the two.
  const at = second!.gold![0]!.from;
  assert(at > 1000);
  assert.equal(fourth!.context.slice(0, at), second!.context.slice(0, at));
});

Deno.test("prompts with their answers are as long as asked for, less a word and a seam at most", async () => {
  for (const text of [BYTES, CHAT_BYTES]) {
    for (const length of [400, 401, 777, 4096]) {
      for (const made of await samples({ depths: "0,10,50,100" }, { length, text })) {
        const total = promptTokens(text, made) + made.turns[0]!.maxNewTokens;
        assert(total <= length && total > length - 24, `${total} of ${length}`);
        assert.equal(times(made.context, goldOf(made)[0]!), 1);
        assert.equal(times(made.context, keyOf(made)), 2); // the needle says it twice
      }
    }
  }
});

Deno.test("lengths in words count the haystack's alone", async () => {
  for (const made of await samples({ depths: "0,50,100", snap: "word" }, { length: 500, unit: "words" })) {
    const instruction = 7, needle = 12;
    assert.equal(made.context.match(/\S+/g)!.length, instruction + 500 + needle);
    assert(Math.abs((made.about!.depthRealised as number) - made.depth!) < 0.3);
  }
});

Deno.test("a needle stands at its depth, between sentences, words or tokens", async (t) => {
  const before = /** text in front of the needle */ (made: Sample) => made.context.slice(0, made.gold![0]!.from);
  const bounds = { sentence: [/[.!?]"?\s+$/, 1.5], word: [/\s$/, 0.1], token: [/\s$/, 0.02] } as const;
  for (const [snap, [pattern, error]] of Object.entries(bounds)) {
    await t.step(snap, async () => {
      for (const made of await samples({ depths: "0,25,50,75,100", snap }, { length: 20_000 })) {
        const realised = made.about!.depthRealised as number;
        assert(Math.abs(realised - made.depth!) < error, `${realised}`);
        if (made.depth! > 0) assert.match(before(made), pattern);
      }
    });
  }
});

Deno.test("keys come in kinds", async () => {
  for (
    const [key, pattern] of [
      ["digits:7", /^[1-9]\d{6}$/],
      ["digits:64", /^[1-9]\d{63}$/],
      ["words", /^\S+( \w+){3}$/],
      ["uuid", /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/],
    ] as const
  ) assert.match(keyOf(await sample({ key })), pattern);
});

Deno.test("several needles are asked for at once: one at the depth, the others evenly behind it", async () => {
  const made = await sample({ needles: 3, depths: "40" }, { length: 12_000 });
  const { references } = made.turns[0]!.scoring;
  assert.equal(new Set(references).size, 3);
  const places = made.gold!.map(({ from }) => Math.round(100 * from / made.context.length));
  places.forEach((place, i) => assert(Math.abs(place - [40, 60, 80][i]!) < 3, `${places}`));
  const owners = goldOf(made).map((needle) => /of (\w+) is/.exec(needle)![1]);
  assert.equal(
    made.turns[0]!.question,
    `\n\nWhat are the access codes of ${owners[0]}, ${owners[1]} and ${owners[2]}?`,
  );
  assert.equal(made.turns[0]!.expected, ` ${references[0]}, ${references[1]} and ${references[2]}`);
});

Deno.test("distractors are spread evenly, their share in front of the needle", async () => {
  for (const made of await samples({ distractors: 4, depths: "0,30,50,99,100" }, { length: 12_000 })) {
    const others = made.turns[0]!.scoring.details!.others as string[];
    assert.equal(new Set([keyOf(made), ...others]).size, 5);
    const places = others.map((key) => made.context.indexOf(key));
    const front = places.filter((place) => place < made.gold![0]!.from).length;
    assert.equal(front, Math.floor(4 * made.depth! / 100), `at depth ${made.depth}`);
    assert.deepEqual(places, places.toSorted((a, b) => a - b));
  }
});

Deno.test("without a needle, or with another owner's, there is nothing to find", async () => {
  const [none, ...more] = await samples({ arm: "no-needle" });
  assert.deepEqual(more, []);
  assert.equal(none!.key, "0");
  assert.equal(none!.depth, null);
  assert.doesNotMatch(none!.context, /access code .* is/);
  const there = await sample({});
  assert.equal(none!.context.slice(0, 300), there.context.slice(0, 300)); // the same haystack

  for (const made of await samples({ arm: "wrong-key", depths: "20,80" })) {
    const [decoy] = made.turns[0]!.scoring.details!.others as string[];
    assert.deepEqual(made.turns[0]!.scoring.references, []);
    const [, asked] = /access code of (\w+)\?/.exec(made.turns[0]!.question)!;
    const [, owner] = /access code of (\w+) is/.exec(made.context)!;
    assert.notEqual(owner, asked);
    assert.equal(times(made.context, decoy!), 2);
    assert(Math.abs(100 * made.context.indexOf(decoy!) / made.context.length - made.depth!) < 10);
  }
});

Deno.test("a chat template wraps everything but the beginning of the answer", async () => {
  const chat = await sample({}, { text: CHAT_BYTES });
  assert.equal(chat.chat, "model");
  assert.equal(chat.turns[0]!.answerPrefix, "The access code is");
  const raw = await sample({ raw: true }, { text: CHAT_BYTES });
  assert.equal(raw.chat, "raw");
  assert.equal(raw.turns[0]!.answerPrefix, " The access code is");
});

Deno.test("a haystack that is too short repeats, and says so", async () => {
  const { about } = await sample({ haystack: "noise" }, { length: 5000 });
  assert.equal(about!.haystack, "noise");
  assert((about!.repeats as number) > 30);
  assert.equal((await sample({})).about!.repeats, 0);
});

Deno.test("depths are lists, evenly spread, or crowded at both ends", () => {
  assert.deepEqual(depthsFrom("100, 0,33.333"), [0, 33.33, 100]);
  assert.deepEqual(depthsFrom([5]), [5]);
  assert.deepEqual(depthsFrom("linear:5"), [0, 25, 50, 75, 100]);
  assert.deepEqual(depthsFrom("linear:1"), [50]);
  assert.deepEqual(depthsFrom("sigmoid:5"), [0, 7.59, 50, 92.41, 100]);
  for (const wrong of ["", "1,,2", "101", "-1", "linear:0", "deep", [], ["5"], null, true]) {
    assert.equal(depthsFrom(wrong), null, JSON.stringify(wrong));
  }
});

Deno.test("needles of one place keep their order, and are sentences of their own", () => {
  const { text, spans } = hide("A. Bb. C.", [{ text: "X.", place: 9 }, { text: "Y.", place: 3 }, {
    text: "Z.",
    place: 3,
  }]);
  assert.equal(text, "A. Y. Z. Bb. C. X.");
  assert.deepEqual(spans.map(({ from, to }) => text.slice(from, to)), ["X.", "Y.", "Z."]);
});

Deno.test("what has no room or no sense is refused", async () => {
  await assert.rejects(sample({}, { length: 100 }), /Cannot hide a needle in 100 tokens: expected at least \d{3}/);
  await assert.rejects(sample({ key: "digits:1", distractors: 12 }), /Cannot find 13 keys of kind digits:1/);
  for (
    const [options, text] of [
      [{ needels: 2 }, 'option "needels" of task "niah": did you mean "needles"?'],
      [{ needles: 0 }, "must be an integer between 1 and 32: found 0"],
      [{ depths: "50%" }, 'percents from 0 to 100, linear:<count> or sigmoid:<count>: found "50%"'],
      [{ key: "letters" }, 'digits:<1 to 256>, uuid or words: found "letters"'],
      [{ snap: "page" }, 'one of sentence, word, token: found "page"'],
    ] as const
  ) {
    await assert.rejects(sample(options), (error: Error) => error.message.includes(text) || assert.fail(error.message));
  }
});

Deno.test("the options of an opened task are complete, however few were given", async () => {
  const short = await openTask({ name: "niah", options: { depths: [50] } });
  const long = await openTask({ name: "niah", options: { needles: 1, depths: "linear:1" } });
  assert.deepEqual(short.spec, long.spec);
  assert.equal(short.dataId, "niah-2 prose-1");
});
