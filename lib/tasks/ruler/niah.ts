/** The eight needle tasks: values of keys, in prose, in noise, or among nothing but other needles. */
import type { Dice } from "../dice.ts";
import { NOISE_LINE } from "../haystack/haystack.ts";
import { joined, uuid } from "../niah/key.ts";
import { sentenceEnds } from "../sentences.ts";
import type { Draft, DraftRequest, Recipe } from "./recipe.ts";
import { insertAt, joinPieces, type Piece } from "./text.ts";
import { different, pair, PAIRS } from "./words.ts";

type Type = "number" | "uuid" | "word";

export interface NeedleShape {
  readonly haystack: "noise" | "essay" | "needles";
  readonly keyType: Type;
  readonly valueType: Type;
  readonly keys: number;
  /** Of every key. */
  readonly values: number;
  readonly queries: number;
}

interface Needle {
  readonly key: string;
  readonly value: string;
}

export function needleRecipe(shape: NeedleShape): Recipe {
  return {
    metric: "match_all",
    newTokens: 128,
    hasEssay: shape.haystack === "essay",
    mostUnits: (length) => shape.haystack === "essay" ? length : mostLines(length),
    prepare: (request) => prepare(shape, request),
  };
}

function prepare(shape: NeedleShape, { dice, length, sources }: DraftRequest): (units: number) => Draft {
  const { keyType, valueType, values, queries } = shape;
  const others = shape.haystack === "needles" ? mostLines(length) : 0;
  const allKeys = different(others + Math.max(shape.keys, queries), fresh(dice("keys"), keyType));
  const keys = allKeys.slice(others);
  const allValues = different(others + keys.length * values, fresh(dice("values"), valueType));
  const needles = keys.flatMap((key, i) =>
    allValues.slice(others + i * values, others + (i + 1) * values).map((value) => ({ key, value }))
  );
  const asked = dice("queries").sample(keys, queries);
  const wanted = asked.flatMap((key) => needles.filter((needle) => needle.key === key));
  const line = ({ key, value }: Needle) => `The registered ${valueType} of ${key} is: ${value}.`;
  const pieces = dice("order").shuffled(needles).map((needle) => ({
    text: line(needle),
    gold: asked.includes(needle.key),
  }));

  const several = wanted.length > 1, type = several ? `${valueType}s` : valueType;
  const intro =
    `A registered ${valueType} may be hidden in any line of this text. Remember them: you will be asked for ` +
    `${several ? "some of them" : "one"}.\n\n`;
  const lines = allKeys.slice(0, others).map((key, i) => ({ text: line({ key, value: allValues[i]! }) }));
  const hay = shape.haystack === "essay"
    ? hideInEssay(sources.essay.words(dice("haystack"), length), pieces, dice("depths"))
    : hideAmongLines(lines, pieces, () => dice("places"));
  return (units) => {
    const { text, gold } = hay(units, intro.length);
    return {
      context: intro + text,
      question: `What ${several ? `are all the registered ${type}` : `is the registered ${type}`} of ${joined(asked)}?`,
      prefix: `The registered ${type} of ${joined(asked)} ${several ? "are" : "is"}:`,
      references: wanted.map(({ value }) => value),
      gold,
    };
  };
}

type Hay = (units: number, from: number) => ReturnType<typeof joinPieces>;

/** Between sentences, at different ones of 40 depths. */
function hideInEssay(words: readonly string[], needles: readonly Piece[], dice: Dice): Hay {
  const plain = words.map((word) => word.trim());
  const depths = dice.sample(DEPTHS, needles.length).sort((a, b) => a - b);
  return (units, from) => {
    const sentences = sentencesOf(plain.slice(0, units));
    const places = depths.map((depth) => Math.floor(sentences.length * depth / 100));
    return joinPieces(insertAt(sentences, needles, places), " ", from);
  };
}

/** Between lines; without any, between those of the noise. */
function hideAmongLines(lines: readonly Piece[], needles: readonly Piece[], dice: () => Dice): Hay {
  return (units, from) => {
    const others = lines.length > 0
      ? lines.slice(0, units)
      : Array.from({ length: units }, () => ({ text: NOISE_LINE }));
    const all = others.length + needles.length;
    // Places among all lines, needles included: so there are enough different ones.
    const at = dice().shuffled(Array.from({ length: all }, (_, i) => i)).slice(0, needles.length).sort((a, b) => a - b);
    return joinPieces(insertAt(others, needles, at.map((place, i) => place - i)), "\n", from);
  };
}

/** 40 depths in whole percents, from 0 to 100. */
const DEPTHS = Array.from({ length: 40 }, (_, i) => Math.round(i * 100 / 39));

function sentencesOf(words: readonly string[]): Piece[] {
  const ends = [...new Set([0, ...sentenceEnds(words), words.length])];
  return ends.slice(1).map((end, i) => ({ text: words.slice(ends[i]!, end).join(" ") }));
}

/** Lines that so many tokens can hold: every one has more than 8. */
function mostLines(length: number): number {
  return Math.ceil(length / 8);
}

function fresh(dice: Dice, type: Type): () => string {
  return () => type === "number" ? dice.digits(7) : type === "uuid" ? uuid(dice) : pair(dice.below(PAIRS));
}
