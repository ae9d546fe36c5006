/**
 * From a sample to token ids.
 *
 * `split` tokenises the context with what stands in front of it, and everything behind it, apart from each other: the context
 * is then the same tokens for every question. `whole` tokenises the text at once, as the benchmarks' own programs do; tokens
 * may then reach from the context into the question.
 */
import { RunError } from "../../error.ts";
import type { ModelText, Tokenizer } from "../../text/types.ts";
import { type PromptText, promptText } from "./prompt_text.ts";
import type { Sample } from "../sample.ts";
import type { Task } from "../task.ts";
import { cutOut, type TokenRange, tokenRanges, tokensBefore } from "./token_ranges.ts";
import { excess, fitHead, type Truncation } from "./truncate.ts";

/** One question. */
export interface PromptTurn {
  /**
   * Tokens between what is cached and the answer: in the first turn, and in each one of `requests`, behind the context;
   * otherwise behind the answer of the turn before, which with `golden` is a part of them.
   */
  readonly tail: readonly number[];
  /** Tokens of the turn's expected text behind its prompt; empty without one. */
  readonly expected: readonly number[];
  /** Most tokens of the answer. */
  readonly newTokens: number;
}

export interface Prompt {
  /** BOS, markup and context. */
  readonly head: readonly number[];
  readonly turns: readonly PromptTurn[];
  /** Tokens of `head` that answers rest on. */
  readonly gold: readonly TokenRange[];
  /** Tokens of the context that were cut away. */
  readonly truncatedTokens: number;
}

export interface AssembleOptions {
  readonly tokenise: "split" | "whole";
  readonly history: NonNullable<Task["history"]>;
  readonly truncate: Truncation;
  /** Tokens that the model was made for. */
  readonly contextLength: number;
}

/**
 * @throws {RunError} for a prompt that is longer than the model was made for and may not be cut, or cannot be cut so far; and
 * for one without exactly one BOS token where the model wants one.
 */
export function assemble(text: ModelText, sample: Sample, options: AssembleOptions): Prompt {
  const { tokenizer } = text;
  const parts = promptText(text, sample);
  const [head, firstTail] = (options.tokenise === "whole" ? encodeWhole : encodeSplit)(tokenizer, parts);
  checkBos(tokenizer, [...head, ...firstTail], sample.key);

  const texts = sample.turns.map((_, i) => {
    if (i === 0 || options.history === "requests") return parts.tails[i]!;
    const said = options.history === "golden" ? answerOf(sample.turns[i - 1]!) : "";
    return said + parts.links[i - 1]!;
  });
  const turns = sample.turns.map((turn, i): PromptTurn => {
    const tail = i === 0 ? firstTail : encode(tokenizer, texts[i]!);
    const expected = turn.expected === undefined ? [] : continuation(tokenizer, texts[i]!, turn.expected);
    return { tail, expected, newTokens: Math.max(turn.maxNewTokens, 1) };
  });

  const found = excess(head.length, turns, options);
  const spans = (sample.gold ?? []).map(({ from, to }) => ({
    from: Math.max(0, parts.contextStart + from),
    to: Math.max(0, parts.contextStart + to),
  }));
  const gold = tokenRanges(tokenizer, parts.head, head, spans);
  if (found <= 0) return { head, turns, gold, truncatedTokens: 0 };
  const lead = tokensBefore(tokenizer, parts.head, head, Math.max(0, parts.contextStart)).touched;
  const cut = fitHead(sample.key, { head: head.length, lead, excess: found, turns }, options);
  return {
    head: [...head.slice(0, cut.from), ...head.slice(cut.to)],
    turns,
    gold: cutOut(gold, cut),
    truncatedTokens: cut.to - cut.from,
  };
}

/** Tokens of a sample's first prompt, as it will run: for generators that fill a length. */
export function promptTokens(text: ModelText, sample: Sample, tokenise: "split" | "whole" = "split"): number {
  const parts = promptText(text, sample);
  const [head, tail] = (tokenise === "whole" ? encodeWhole : encodeSplit)(text.tokenizer, parts);
  return head.length + tail.length;
}

/** What the history says where it does not say what the model answered. */
function answerOf({ golden, scoring }: Sample["turns"][number]): string {
  return golden ?? scoring.references[0] ?? "";
}

function encodeSplit(tokenizer: Tokenizer, { head, tails }: PromptText): [number[], number[]] {
  return [tokenizer.encode(head), encode(tokenizer, tails[0]!)];
}

function encodeWhole(tokenizer: Tokenizer, { head, tails }: PromptText): [number[], number[]] {
  const text = head + tails[0]!;
  const ids = tokenizer.encode(text);
  const border = tokensBefore(tokenizer, text, ids, head.length).touched;
  return [ids.slice(0, border), ids.slice(border)];
}

function encode(tokenizer: Tokenizer, text: string): number[] {
  return text === "" ? [] : tokenizer.encode(text, { bos: false });
}

/** Tokens of a text behind another one, as they are when both are read together; where that changes the other, by itself. */
function continuation(tokenizer: Tokenizer, text: string, following: string): number[] {
  const alone = encode(tokenizer, text), together = encode(tokenizer, text + following);
  const goesOn = alone.every((id, i) => id === together[i]) && together.length > alone.length;
  return goesOn ? together.slice(alone.length) : encode(tokenizer, following);
}

function checkBos({ addBos, bosId }: Tokenizer, ids: readonly number[], key: string): void {
  if (!addBos) return;
  const found = ids.filter((id) => id === bosId).length;
  if (found !== 1 || ids[0] !== bosId) {
    throw new RunError(`Cannot run sample ${key}: expected one BOS token, at the beginning, found ${found}`);
  }
}
