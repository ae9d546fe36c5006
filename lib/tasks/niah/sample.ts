/**
 * Needle in a haystack: a key hidden in a long text, and the question for it at the end.
 *
 * After the passkey task of LongChat and RULER's niah_single and niah_multikey (arXiv:2404.06654), in words of our own: the
 * numbers compare with each other, not with theirs. A sample depends on its request alone, so any of them can be made
 * again without the others.
 */
import { RunError } from "../../error.ts";
import type { ModelText } from "../../text/types.ts";
import { Dice } from "../dice.ts";
import { type Haystack, PROSE } from "./haystack.ts";
import { hide } from "./hide.ts";
import { type KeyKind, keyName, makeKey, needleOf, OWNERS } from "./key.ts";

export interface NiahRequest {
  /** Tokens of the prompt, everything counted: the result has a few less at most. */
  readonly length: number;
  /** Where the needle goes, in percent of the haystack: at the nearest end of a sentence. */
  readonly depth: number;
  readonly index: number;
  /** @default 0 */
  readonly seed?: number;
  /** @default "number" */
  readonly keyKind?: KeyKind;
  /** Digits of a number. @default 7 */
  readonly digits?: number;
  /** Needles of the same form with other keys, anywhere. @default 0 */
  readonly decoys?: number;
  /** @default generated prose */
  readonly haystack?: Haystack;
  /** Take the text as it is even where the model has a chat template. @default false */
  readonly raw?: boolean;
}

export interface NiahSample {
  /** Such as `niah/prose/number/4096/50/3`. */
  readonly id: string;
  readonly depth: number;
  /** Share of the haystack's tokens in front of the needle, in percent. */
  readonly depthRealised: number;
  readonly key: string;
  /** Of the decoys. */
  readonly otherKeys: readonly string[];
  readonly needle: string;
  /** Haystack with needle and decoys. */
  readonly context: string;
  readonly question: string;
  /** Tokens of the prompt: it ends with the beginning of the answer, so that the key comes next. */
  readonly promptIds: readonly number[];
  /** Tokens of the key behind the prompt. */
  readonly keyIds: readonly number[];
}

/**
 * @throws {RunError} when the length has no room for needles and question, or every key of that kind is in the haystack.
 */
export function niahSample(text: ModelText, request: NiahRequest): NiahSample {
  const { length, depth, index, seed = 0, keyKind = "number", digits = 7, decoys = 0, haystack = PROSE } = request;
  if (decoys >= OWNERS.length) {
    throw new RunError(`Cannot hide ${decoys} decoys: expected at most ${OWNERS.length - 1}`);
  }
  const id = ["niah", haystack.name, keyKind, length, depth, index].join("/");
  const owners = decoys === 0 ? [null] : new Dice(seed, `${id}/owners`).sample(OWNERS, decoys + 1);
  const names = owners.map(keyName);
  const words = haystack.words(new Dice(seed, `${id}/haystack`), length + 1); // a word has at least one token
  const keys = freshKeys(new Dice(seed, `${id}/keys`), names.length, words.join(""), keyKind, digits);
  const needles = names.map((name, i) => needleOf(name, keys[i]!));
  const dice = new Dice(seed, `${id}/depths`);
  const depths = needles.map((_, i) => i === 0 ? depth : dice.below(101));

  const question = `What is the ${names[0]}?`;
  const prompt = (context: string) => promptText(text, context, question, `The ${names[0]} is`, request.raw ?? false);
  const contextOf = (count: number) => hide(words.slice(0, count), needles, depths).join("");
  const tokens = (count: number) => text.tokenizer.encode(prompt(contextOf(count))).length;
  const count = mostWithin(length, words.length, tokens);
  if (count === null) {
    throw new RunError(`Cannot hide a needle in ${length} tokens: expected at least ${tokens(0)}`);
  }
  const context = contextOf(count);
  return {
    id,
    depth,
    depthRealised: realised(text, words.slice(0, count), needles[0]!, depth),
    key: keys[0]!,
    otherKeys: keys.slice(1),
    needle: needles[0]!,
    context,
    question,
    ...splitIds(text, prompt(context), keys[0]!),
  };
}

/** Different keys, none of which the haystack has by chance. */
function freshKeys(dice: Dice, count: number, haystack: string, kind: KeyKind, digits: number): string[] {
  const keys: string[] = [];
  for (let tries = 0; keys.length < count; tries++) {
    if (tries === 1000) throw new RunError(`Cannot find ${count} keys of kind ${kind} that the haystack does not have`);
    const key = makeKey(dice, kind, digits);
    if (!haystack.includes(key) && !keys.includes(key)) keys.push(key);
  }
  return keys;
}

/** The prompt with the beginning of the answer; the answer is the assistant's where the model has a chat template. */
function promptText({ chat }: ModelText, context: string, question: string, prefix: string, raw: boolean): string {
  const content = `Find the access code in this text.\n\n${context.trimEnd()}\n\n${question}`;
  return chat === null || raw ? `${content} ${prefix}` : chat.render([{ role: "user", content }]) + prefix;
}

/**
 * The largest count, 0 <= count <= most, with at most `length` tokens, or null when there is none. Tokens grow about evenly
 * with the count, so the search goes where a line through its bounds points.
 */
function mostWithin(length: number, most: number, tokens: (count: number) => number): number | null {
  let low = 0, below = tokens(0), high = most, above = tokens(most);
  if (below > length) return null;
  if (above <= length) return most;
  while (high - low > 1) {
    const guess = low + Math.floor((length - below) / (above - below) * (high - low));
    const middle = Math.min(Math.max(guess, low + 1), high - 1);
    const found = tokens(middle);
    if (found <= length) [low, below] = [middle, found];
    else [high, above] = [middle, found];
  }
  return low;
}

function realised({ tokenizer }: ModelText, words: readonly string[], needle: string, depth: number): number {
  const [before, , after] = hide(words, [needle], [depth]);
  const count = (part: string) => part === "" ? 0 : tokenizer.encode(part, { bos: false }).length;
  const total = count(before!) + count(after!);
  return total === 0 ? 0 : 100 * count(before!) / total;
}

/** Tokens of the prompt and of the key behind it, as they are when both are read together. */
function splitIds({ tokenizer }: ModelText, prompt: string, key: string): { promptIds: number[]; keyIds: number[] } {
  const alone = tokenizer.encode(prompt), together = tokenizer.encode(`${prompt} ${key}`);
  let split = 0;
  while (split < alone.length && alone[split] === together[split]) split++;
  return { promptIds: together.slice(0, split), keyIds: together.slice(split) };
}
