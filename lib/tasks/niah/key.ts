/** What is hidden: keys that cannot be guessed, and the words around them. */
import { RunError } from "../../error.ts";
import type { Dice } from "../dice.ts";
import { normalise } from "../metrics/normalise.ts";
import { ADJECTIVES, THINGS } from "../prose_words.ts";

/** `digits:7`: a number, the first digit not zero; `words`: an adjective and three nouns; `uuid`: of version 4. */
export interface KeyKind {
  readonly name: string;
  make(dice: Dice): string;
}

/** @returns null for an unknown name. */
export function keyKindFrom(name: string): KeyKind | null {
  const digits = /^digits:([1-9]\d{0,2})$/.exec(name);
  if (digits) {
    const count = Number(digits[1]);
    return count <= 256 ? { name, make: (dice) => dice.digits(count) } : null;
  }
  if (name === "uuid") return { name, make: uuid };
  return name === "words" ? { name, make: phrase } : null;
}

export function uuid(dice: Dice): string {
  const hex = (n: number) => Array.from({ length: n }, () => dice.below(16).toString(16)).join("");
  return `${hex(8)}-${hex(4)}-4${hex(3)}-${dice.pick(["8", "9", "a", "b"])}${hex(3)}-${hex(12)}`;
}

function phrase(dice: Dice): string {
  return [dice.pick(ADJECTIVES), ...dice.sample(THINGS, 3)].map((part) => part.split(" ").at(-1)).join(" ");
}

/**
 * Different keys, none of which the haystack has by chance, however it is written.
 *
 * @throws {RunError} when there are none, because keys are too short.
 */
export function freshKeys(dice: Dice, kind: KeyKind, count: number, haystack: string): string[] {
  const text = normalise(haystack);
  const keys: string[] = [];
  for (let tries = 0; keys.length < count; tries++) {
    if (tries === 1000) {
      throw new RunError(`Cannot find ${count} keys of kind ${kind.name} that the haystack does not have`);
    }
    const key = kind.make(dice);
    if (!text.includes(normalise(key)) && !keys.includes(key)) keys.push(key);
  }
  return keys;
}

/** Owners of keys where there are several. */
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
  "Tallinn",
  "Kigali",
  "Montevideo",
  "Galway",
  "Tbilisi",
  "Windhoek",
  "Salzburg",
  "Manila",
  "Valletta",
  "Reykjavik",
  "Bogota",
  "Plovdiv",
  "Dakar",
  "Aarhus",
  "Colombo",
  "Seville",
];

/** What a key is called: of one owner among several, or the only one. */
export function keyName(owner: string | null): string {
  return owner === null ? "access code" : `access code of ${owner}`;
}

export function needleOf(name: string, key: string): string {
  return `The ${name} is ${key}. Remember that ${key} is the ${name}.`;
}

/** `a`, `a and b`, `a, b and c`. */
export function joined(parts: readonly string[]): string {
  return parts.length < 2 ? parts.join("") : `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}`;
}
