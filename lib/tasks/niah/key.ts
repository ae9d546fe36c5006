/** What is hidden: keys that cannot be guessed, and the words around them. */
import type { Dice } from "../dice.ts";
import { ADJECTIVES, THINGS } from "../prose_words.ts";

/** `number`: digits; `words`: an adjective and three nouns; `uuid`: 32 hexadecimal digits in five groups. */
export const KEY_KINDS = ["number", "words", "uuid"] as const;
export type KeyKind = typeof KEY_KINDS[number];

/** @param digits  Of a number. */
export function makeKey(dice: Dice, kind: KeyKind, digits: number): string {
  switch (kind) {
    case "number":
      return dice.digits(digits);
    case "words":
      return [dice.pick(ADJECTIVES), ...dice.sample(THINGS, 3)].map((phrase) => phrase.split(" ").at(-1)).join(" ");
    case "uuid": {
      const hex = (n: number) => Array.from({ length: n }, () => dice.below(16).toString(16)).join("");
      return `${hex(8)}-${hex(4)}-4${hex(3)}-${dice.pick(["8", "9", "a", "b"])}${hex(3)}-${hex(12)}`; // version 4
    }
  }
}

/** Owners of keys where there are several: the first is asked for, the others are decoys. */
export const OWNERS: readonly string[] = [
  "Lisbon",
  "Tromso",
  "Nairobi",
  "Quito",
  "Hanoi",
  "Riga",
  "Adelaide",
  "Marrakesh",
  "Toronto",
  "Ljubljana",
  "Osaka",
  "Cardiff",
  "Havana",
  "Utrecht",
  "Bergen",
  "Lahore",
];

/** What a key is called: of one owner among several, or the only one. */
export function keyName(owner: string | null): string {
  return owner === null ? "access code" : `access code of ${owner}`;
}

export function needleOf(name: string, key: string): string {
  return `The ${name} is ${key}. Remember that ${key} is the ${name}.`;
}
