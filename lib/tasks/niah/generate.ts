/**
 * Needle in a haystack: keys hidden in a long text, and the question for them at the end.
 *
 * After the passkey task of LongChat and RULER's niah_single and niah_multikey (arXiv:2404.06654), in words of our own: the
 * numbers compare with each other, not with theirs. All depths share one haystack and one key, so their prompts begin alike,
 * and no choice depends on other samples.
 */
import { RunError } from "../../error.ts";
import type { ModelText } from "../../text/types.ts";
import { promptTokens } from "../prompt/assemble.ts";
import { Dice } from "../dice.ts";
import { mostWithin } from "../prompt/fill.ts";
import { type Haystack, repeats } from "../haystack/haystack.ts";
import type { Sample, Turn } from "../sample.ts";
import type { Length } from "../task.ts";
import { TokenMap } from "../prompt/token_map.ts";
import { freshKeys, joined, keyKindFrom, keyName, needleOf, OWNERS } from "./key.ts";
import type { NiahOptions } from "./options.ts";
import { hide, placeAt, type Placed, placesBetween } from "./place.ts";

export interface NiahRequest {
  readonly text: ModelText;
  readonly options: NiahOptions;
  readonly haystack: Haystack;
  readonly length: Length;
  readonly seed: number;
  /** Of the haystack and its keys. */
  readonly index: number;
}

/** Keys of the samples of one haystack, in their order. */
export function sampleKeys({ depths, arm }: NiahOptions, index: number): string[] {
  return arm === "no-needle" ? [`${index}`] : depths.map((depth) => `${index}/${depth}`);
}

/**
 * A sample for every depth.
 *
 * @throws {RunError} when the length has no room for needles and question, or every key of that kind is in the haystack.
 */
export function niahSamples(request: NiahRequest): Sample[] {
  const { text, options, haystack, length, seed, index } = request;
  const label = `niah/${haystack.name}/${length.count}${length.unit}/${index}`;
  const words = haystack.words(new Dice(seed, `${label}/haystack`), length.count).slice(0, length.count);
  const secrets = secretsOf(options, new Dice(seed, `${label}/${options.key}`), words.join(""));
  const turn = turnOf(text, options, secrets);
  const map = TokenMap.of(text.tokenizer, words.join(""));
  const keys = sampleKeys(options, index);
  const make = (count: number, at = keys) => samplesWith(request, words.slice(0, count), map, secrets, turn, at);
  if (length.unit === "words") return make(words.length);

  const limit = length.count - turn.maxNewTokens;
  const most = (samples: readonly Sample[]) => Math.max(...samples.map((sample) => promptTokens(text, sample)));
  let count = mostWithin(limit, words.length, (count) => most(make(count, keys.slice(-1))));
  // Depths differ by the tokens at the seams of their needles.
  while (count !== null && most(make(count)) > limit) count = count > 0 ? count - 1 : null;
  if (count === null) {
    throw new RunError(
      `Cannot hide a needle in ${length.count} tokens: expected at least ${most(make(0)) + turn.maxNewTokens}`,
    );
  }
  return make(count);
}

/** Who has which key. */
interface Secret {
  readonly name: string;
  readonly key: string;
}

interface Secrets {
  readonly asked: readonly Secret[];
  readonly decoys: readonly Secret[];
}

function secretsOf({ needles, distractors, arm, key }: NiahOptions, dice: Dice, haystack: string): Secrets {
  const decoys = distractors + (arm === "wrong-key" ? 1 : 0), all = needles + decoys;
  const owners = all === 1 ? [null] : dice.sample(OWNERS, all);
  const keys = freshKeys(dice, keyKindFrom(key)!, all, haystack);
  const secrets = owners.map((owner, i) => ({ name: keyName(owner), key: keys[i]! }));
  return { asked: secrets.slice(0, needles), decoys: secrets.slice(needles) };
}

function turnOf(text: ModelText, options: NiahOptions, { asked, decoys }: Secrets): Turn {
  const names = asked.length === 1
    ? asked[0]!.name
    : `access codes of ${joined(asked.map(({ name }) => name.split(" of ").at(-1)!))}`;
  const be = asked.length === 1 ? "is" : "are";
  const expected = ` ${joined(asked.map(({ key }) => key))}`;
  const there = options.arm === "needle";
  return {
    question: `\n\nWhat ${be} the ${names}?`,
    answerPrefix: `${options.raw ? " " : ""}The ${names} ${be}`,
    maxNewTokens: options.newTokens ?? text.tokenizer.encode(expected, { bos: false }).length + ROOM,
    scoring: {
      metric: "niah",
      references: there ? asked.map(({ key }) => key) : [],
      details: { key: options.key, others: decoys.map(({ key }) => key) },
    },
    ...(there && { expected }),
  };
}

/** Tokens of an answer beside the keys. */
const ROOM = 8;

/**
 * @param words  The haystack, each with the white space behind it.
 * @param map    Of a text that begins with it.
 * @param keys   Of the samples to make.
 */
function samplesWith(
  { options, haystack, index }: NiahRequest,
  words: readonly string[],
  map: TokenMap,
  { asked, decoys }: Secrets,
  turn: Turn,
  keys: readonly string[],
): Sample[] {
  const hay = words.join("").trimEnd(), tokens = map.upTo(hay.length);
  const places = placesBetween(words, options.snap, tokens).filter((place) => place <= hay.length);
  const put = ({ name, key }: Secret, depth: number): Placed => ({
    text: needleOf(name, key),
    place: placeAt(depth, places, tokens),
  });
  const wrong = options.arm === "wrong-key" ? decoys.slice(0, 1) : [];
  const spread = decoys.slice(wrong.length);
  const others = spread.map((secret, i) => put(secret, 100 * (i + 1) / spread.length));
  const begin = `Find the access code${asked.length > 1 ? "s" : ""} in this text.\n\n`;
  return keys.map((key): Sample => {
    const depth = options.arm === "no-needle" ? null : options.depths[sampleKeys(options, index).indexOf(key)]!;
    const here = depth === null ? [] : options.arm === "needle" ? asked : wrong;
    const hidden = here.map((secret, i) => put(secret, depth! + i * (100 - depth!) / here.length));
    // At the same place decoys come first, so that ⌊count · depth⌋ of them are in front of the needle.
    const { text: context, spans } = hide(hay, [...others, ...hidden]);
    const gold = spans.slice(others.length).map(({ from, to }) => ({
      from: begin.length + from,
      to: begin.length + to,
    }));
    return {
      key,
      depth,
      context: begin + context,
      turns: [turn],
      chat: options.raw ? "raw" : "model",
      ...(options.arm === "needle" && { gold }),
      about: {
        haystack: haystack.name,
        words: words.length,
        repeats: repeats(haystack, words.length),
        ...(hidden[0] && { depthRealised: realised(tokens, hidden[0].place) }),
      },
    };
  });
}

/** In percent, with two decimals. */
function realised(map: TokenMap, place: number): number {
  return map.tokens === 0 ? 0 : Math.round(10_000 * map.before(place) / map.tokens) / 100;
}
