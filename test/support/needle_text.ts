/** Prompts with a needle: seeded haystacks, a pass key at a known depth, and the question at the end. */

import { random } from "../reference/random.ts";

/**
 * Texts that the needle is hidden in: `grass` repeats five short sentences; `grammar` makes sentences of people, things
 * and numbers, with near misses such as "The pass key was 55012 last year." in one of four.
 */
export type Haystack = "grass" | "grammar";

export interface NeedleTextOptions {
  readonly haystack: Haystack;
  /** Length of the whole prompt in tokens of the byte vocabulary, BOS included. */
  readonly tokens: number;
  /** Where the needle goes, in percent of the haystack. */
  readonly depth: number;
  /** Pass keys in the text, of as many cities; 1 = the plain one. The first is asked for. @default {1} */
  readonly needles?: number;
  /** False leaves out the needle that is asked for. @default {true} */
  readonly present?: boolean;
  /** Changes the haystack and, except for 1, the key. @default {1} */
  readonly seed?: number;
}

export interface NeedleText {
  /** Haystack and needles. */
  readonly context: string;
  /** What follows the context: the prompt is both. */
  readonly question: string;
  /** What the model has to say: five digits and a full stop. */
  readonly answer: string;
  /** First byte of the needle in the context, or -1 when it is not there. */
  readonly needleAt: number;
}

interface Needle {
  readonly text: string;
  readonly depth: number;
}

const CITIES = ["Paris", "Rome", "Oslo", "Lyon", "Tunis", "Cairo", "Quito", "Lagos"];
const GRASS = [
  "The grass is green.",
  "The sky is blue.",
  "The sun is yellow.",
  "Here we go.",
  "There and back again.",
];
const PEOPLE = [
  "the miller",
  "a clerk",
  "my aunt",
  "the old captain",
  "Doctor Wills",
  "the baker's son",
  "a traveller",
  "Mrs. Penrose",
  "the guard",
  "our teacher",
];
const VERBS = [
  "carried",
  "forgot",
  "painted",
  "counted",
  "sold",
  "remembered",
  "described",
  "opened",
  "left",
  "measured",
];
const THINGS = [
  "the lamp",
  "a red ledger",
  "the harbour",
  "seven letters",
  "the north gate",
  "a broken clock",
  "the orchard",
  "an iron box",
  "the pass",
  "the key",
];
const TAILS = [
  "before noon",
  "in the rain",
  "without a word",
  "near the river",
  "for a while",
  "at the market",
  "on Tuesday",
  "with great care",
  "as before",
  "beyond the hill",
];

/**
 * A prompt of exactly `tokens` tokens.
 *
 * @throws {RangeError} when the needles and the question alone are longer, or there are more needles than cities.
 */
export function needleText(options: NeedleTextOptions): NeedleText {
  const { haystack, tokens, depth, needles = 1, present = true, seed = 1 } = options;
  if (needles > CITIES.length) {
    throw new RangeError(`Cannot hide needles: expected at most ${CITIES.length}, found ${needles}`);
  }
  const dice = new Dice(seed);
  const key = seed === 1 ? "71432" : dice.digits(5);
  const { question, wanted } = questionFor(needles, key, depth);
  const hidden = present ? [wanted] : [];
  for (const city of CITIES.slice(1, needles)) {
    hidden.push({ text: cityNeedle(city, dice.digits(5)), depth: dice.below(100) });
  }

  const bos = 1;
  const room = tokens - bos - question.length - hidden.reduce((sum, { text }) => sum + text.length, 0);
  if (room < 1) throw new RangeError(`Cannot hide needles in ${tokens} tokens: ${1 - room} more are needed`);
  const context = insert(sentences(haystack, dice, room), hidden);
  return { context, question, answer: `${key}.`, needleAt: context.indexOf(wanted.text) };
}

function questionFor(needles: number, key: string, depth: number): { question: string; wanted: Needle } {
  const name = needles === 1 ? "pass key" : `pass key of ${CITIES[0]}`;
  const text = needles === 1
    ? `The pass key is ${key}. Remember it. ${key} is the pass key. `
    : cityNeedle(CITIES[0]!, key);
  return { question: `What is the ${name}? The ${name} is `, wanted: { text, depth } };
}

function cityNeedle(city: string, key: string): string {
  return `The pass key of ${city} is ${key}. `;
}

/** Sentences of `length` characters in all, each with the space after it; the last one is cut to fit. */
function sentences(haystack: Haystack, dice: Dice, length: number): string[] {
  const list: string[] = [];
  for (let left = length; left > 0;) {
    const sentence = haystack === "grass" ? GRASS[list.length % GRASS.length]! : grammarSentence(dice);
    list.push(`${sentence.slice(0, left - 1)} `);
    left -= list.at(-1)!.length;
  }
  return list;
}

function grammarSentence(dice: Dice): string {
  switch (dice.below(16)) {
    case 0:
      return `The pass key was ${dice.digits(5)} last year.`;
    case 1:
      return `Now and then a pass key is ${dice.digits(5)} or so.`;
    case 2:
      return `Nobody knows what the pass key is ${dice.pick(["for", "worth", "made of"])}.`;
    case 3:
      return `The pass code is ${dice.digits(5)}.`;
    case 4:
      return `The key is ${dice.digits(5)} on the list.`;
    case 5:
      return `In ${1500 + dice.below(500)} ${dice.pick(PEOPLE)} ${dice.pick(VERBS)} ${dice.digits(3)} sheep.`;
  }
  const clause = () => `${dice.pick(PEOPLE)} ${dice.pick(VERBS)} ${dice.pick(THINGS)}`;
  let text = clause();
  if (dice.below(2) === 0) text += ` ${dice.pick(TAILS)}`;
  if (dice.below(3) === 0) text += `, and ${clause()}`;
  return `${text[0]!.toUpperCase()}${text.slice(1)}.`;
}

/** Puts every needle between two sentences, the first place at or after its depth. */
function insert(haystack: readonly string[], needles: readonly Needle[]): string {
  const length = haystack.reduce((sum, sentence) => sum + sentence.length, 0);
  const waiting = needles.toSorted((a, b) => a.depth - b.depth);
  let text = "";
  let passed = 0;
  for (const sentence of haystack) {
    while (waiting.length > 0 && passed >= waiting[0]!.depth / 100 * length) text += waiting.shift()!.text;
    text += sentence;
    passed += sentence.length;
  }
  return text + waiting.map((needle) => needle.text).join("");
}

/** Seeded choices. */
class Dice {
  readonly #next: () => number;

  constructor(seed: number) {
    this.#next = random(seed);
  }

  /** A whole number, 0 <= number < n. */
  below(n: number): number {
    return Math.floor(this.#next() * n);
  }

  pick(list: readonly string[]): string {
    return list[this.below(list.length)]!;
  }

  /** `n` digits, the first not zero. */
  digits(n: number): string {
    return Array.from({ length: n }, (_, i) => i === 0 ? 1 + this.below(9) : this.below(10)).join("");
  }
}
