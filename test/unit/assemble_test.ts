import assert from "node:assert/strict";
import { assemble, type AssembleOptions, promptTokens } from "../../lib/tasks/prompt/assemble.ts";
import type { Sample } from "../../lib/tasks/sample.ts";
import { tokenRanges } from "../../lib/tasks/prompt/token_ranges.ts";
import type { ModelText } from "../../lib/text/types.ts";
import { toySample, toyTurn } from "../support/toy_task.ts";

const utf8 = new TextEncoder(), BOS = 256;

/** A token per byte; with `merges` "th" and "ed" are tokens of their own. The BOS token is written <s>. */
function textOf({ bos = true, merges = false, chat = null as ModelText["chat"] } = {}): ModelText {
  const pairs = merges ? ["th", "ed"] : [];
  const texts = [...Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)), "<s>", ...pairs];
  const encode = (text: string, options: { bos?: boolean } = {}) => {
    const ids = text.split(/(<s>|th|ed)/).flatMap((part) => {
      const id = texts.indexOf(part, BOS);
      return id >= 0 ? [id] : [...utf8.encode(part)];
    });
    return bos && options.bos !== false && ids[0] !== BOS ? [BOS, ...ids] : ids;
  };
  return {
    tokenizer: {
      vocabSize: texts.length,
      bosId: BOS,
      addBos: bos,
      eosIds: [],
      encode,
      decode: (ids) => ids.map((id) => texts[id]).join(""),
      stream: () => ({ push: (id) => texts[id]!, flush: () => "" }),
      piece: (id) => texts[id]!,
    },
    chat,
  };
}

const CHAT: ModelText["chat"] = {
  render: (messages, { generationPrompt = true } = {}) =>
    "<s>" + messages.map(({ role, content }) => `[${role}]${content.trim()}[end]`).join("") +
    (generationPrompt ? "[assistant]" : ""),
};

const OPTIONS: AssembleOptions = { tokenise: "split", history: "golden", truncate: "refuse", contextLength: 1000 };
const read = (text: ModelText, sample: Sample, options: Partial<AssembleOptions> = {}) => {
  const { head, turns, ...rest } = assemble(text, sample, { ...OPTIONS, ...options });
  const say = (ids: readonly number[]) => text.tokenizer.decode(ids);
  return { head: say(head), tails: turns.map(({ tail }) => say(tail)), turns, ...rest };
};

const SAMPLE = toySample("0", "A long text.", {
  turns: [
    toyTurn("\n\nWhat?", { answerPrefix: "It is", expected: " 12" }),
    toyTurn("\n\nWhy?", { answerPrefix: "Because" }),
  ],
});

Deno.test("a prompt is one message of the chat template, with the beginning of the answer behind the assistant's header", () => {
  const text = textOf({ chat: CHAT });
  const { head, tails, turns } = read(text, SAMPLE, { history: "requests" });
  assert.equal(head, "<s>[user]A long text.");
  assert.deepEqual(tails, ["\n\nWhat?[end][assistant]It is", "\n\nWhy?[end][assistant]Because"]);
  assert.equal(text.tokenizer.decode(turns[0]!.expected), " 12");
  assert.deepEqual(turns[1]!.expected, []);
  assert.equal(promptTokens(text, SAMPLE), 1 + "[user]A long text.\n\nWhat?[end][assistant]It is".length);
});

Deno.test("later turns go on behind the reference, or behind the answer that was given", () => {
  const text = textOf({ chat: CHAT });
  const link = "[end][user]Why?[end][assistant]Because";
  assert.equal(read(text, SAMPLE).tails[1], `x${link}`);
  assert.equal(read(text, SAMPLE, { history: "own" }).tails[1], link);
  const [first, second] = SAMPLE.turns;
  const golden = { ...SAMPLE, turns: [{ ...first!, golden: " 12, 13" }, second!] };
  assert.equal(read(text, golden).tails[1], ` 12, 13${link}`);
});

Deno.test("a text that is not for the template stays as it is, and has one BOS token all the same", () => {
  const text = textOf({ chat: CHAT });
  for (const chat of ["raw", "prerendered"] as const) {
    const { head, tails } = read(text, { ...SAMPLE, chat });
    assert.deepEqual([head, tails[0]], ["<s>A long text.", "\n\nWhat?It is"]);
  }
  assert.equal(read(text, { ...SAMPLE, chat: "prerendered", context: "<s>[user]A" }).head, "<s>[user]A");
  assert.equal(read(textOf({ bos: false }), SAMPLE).head, "A long text.");
});

Deno.test("a model without a template reads the beginning of the answer on a line of its own", () => {
  assert.equal(read(textOf(), SAMPLE).tails[0], "\n\nWhat?\nIt is");
  const spaced = { ...SAMPLE, turns: [toyTurn(" What? ", { answerPrefix: "It is" })] };
  assert.equal(read(textOf(), spaced).tails[0], " What? It is");
});

Deno.test("more BOS tokens than one are refused", () => {
  const twice = { ...SAMPLE, context: "A <s>struck</s> word." };
  assert.throws(() => read(textOf(), twice), {
    name: "RunError",
    message: "Cannot run sample 0: expected one BOS token, at the beginning, found 2",
  });
  assert.equal(read(textOf({ bos: false }), twice).head, twice.context);
});

Deno.test("tokens reach over the end of the context only where a prompt is tokenised as a whole", () => {
  const text = textOf({ merges: true });
  const sample = toySample("0", "a t", { turns: [toyTurn("he", { answerPrefix: "\ne", expected: "d" })], chat: "raw" });
  const split = assemble(text, sample, OPTIONS), whole = assemble(text, sample, { ...OPTIONS, tokenise: "whole" });
  assert.equal(split.head.length + split.turns[0]!.tail.length, 8);
  assert.equal(whole.head.length + whole.turns[0]!.tail.length, 7);
  assert.equal(text.tokenizer.decode([...whole.head, ...whole.turns[0]!.tail]), "<s>a the\ne");
  assert.equal(text.tokenizer.decode(whole.head), "<s>a th"); // the token that reaches over is the context's
  assert.equal(promptTokens(text, sample, "whole"), 7);
  assert.equal(text.tokenizer.decode(whole.turns[0]!.expected), "d"); // "ed" would be another prompt
});

Deno.test("gold spans become the tokens that hold any part of them", () => {
  const { tokenizer } = textOf({ merges: true });
  const text = "a thing ended";
  const ids = tokenizer.encode(text); // <s> a _ th i n g _ e n d ed
  const ranges = (from: number, to: number) => {
    const [range] = tokenRanges(tokenizer, text, ids, [{ from, to }]);
    return tokenizer.decode(ids.slice(range!.from, range!.to));
  };
  assert.equal(ranges(2, 7), "thing");
  assert.equal(ranges(3, 7), "thing");
  assert.equal(ranges(0, 3), "a th");
  assert.equal(ranges(8, 12), "ended");
  assert.equal(ranges(0, 13), text);

  const chat = textOf({ chat: CHAT });
  const gold = { ...SAMPLE, context: " A long text.", gold: [{ from: 3, to: 7 }] };
  const found = assemble(chat, gold, OPTIONS);
  const [range] = found.gold;
  assert.equal(chat.tokenizer.decode(found.head.slice(range!.from, range!.to)), "long");
});

Deno.test("prompts that are too long are refused with the numbers, or cut", () => {
  const text = textOf({ chat: CHAT });
  const context = "0123456789".repeat(10);
  const sample = toySample("7/50", context, {
    turns: [toyTurn("??", { maxNewTokens: 5 })],
    gold: [{ from: 0, to: 10 }, { from: 45, to: 55 }, { from: 95, to: 100 }],
  });
  const lead = "<s>[user]", tail = "??[end][assistant]"; // 7 and 18 tokens
  const contextLength = 7 + 60 + 18 + 5;
  assert.throws(() => read(text, sample, { contextLength }), {
    name: "RunError",
    message:
      "Cannot run sample 7/50: the model was made for 90 tokens, found 130 (107 up to the end of the context and 23 " +
      "behind it, answers included): take a shorter length, or pass --truncate middle",
  });

  const left = read(text, sample, { contextLength, truncate: "left" });
  assert.equal(left.head, lead + context.slice(40));
  assert.equal(left.tails[0], tail);
  assert.equal(left.truncatedTokens, 40);
  assert.deepEqual(left.gold, [{ from: 12, to: 22 }, { from: 62, to: 67 }]);

  const middle = read(text, sample, { contextLength, truncate: "middle" });
  assert.equal((middle.head + middle.tails[0]).length - 2, 84); // two halves of 85; BOS is written with three letters
  assert.equal(middle.head, lead + context.slice(0, 42 - 7) + context.slice(-(42 - 18)));
  assert.equal(middle.truncatedTokens, 41);
  assert.deepEqual(middle.gold, [{ from: 7, to: 17 }, { from: 61, to: 66 }]);

  assert.throws(() => read(text, sample, { contextLength: 30, truncate: "middle" }), /expected room for its context/);
});

Deno.test("all turns of a sample have to fit", () => {
  const text = textOf();
  const turns = [toyTurn("12345", { maxNewTokens: 10 }), toyTurn("123", { maxNewTokens: 20 })];
  const sample = toySample("0", "abcde", { turns, chat: "raw" }); // 6 tokens, and "x" is the reference
  const fits = (history: AssembleOptions["history"], contextLength: number) => {
    read(text, sample, { history, contextLength });
    assert.throws(() => read(text, sample, { history, contextLength: contextLength - 1 }), /the model was made for/);
  };
  fits("golden", 6 + 5 + 4 + 20);
  fits("own", 6 + 5 + 10 + 3 + 20);
  fits("requests", 6 + 3 + 20);
});
