/**
 * Prose without an author: grammatical sentences about people, things and places, in paragraphs that stay with one
 * person. Nothing in it can be known beforehand, and nothing was copied.
 */
import type { Dice } from "./dice.ts";
import * as words from "./prose_words.ts";

/** Who and where a paragraph is about. */
interface Scene {
  readonly hero: words.Person;
  readonly other: words.Person;
  readonly place: string;
}

/** @returns Four to seven sentences, joined by blanks. */
export function paragraph(dice: Dice): string {
  const [hero, other] = dice.sample(words.PEOPLE, 2) as [words.Person, words.Person];
  const scene: Scene = { hero, other, place: dice.pick(words.PLACES) };
  const forms = dice.sample(SENTENCES, 3 + dice.below(4));
  return [opening, ...forms].map((form) => form(dice, scene)).join(" ");
}

type Sentence = (dice: Dice, scene: Scene) => string;

function opening(dice: Dice, { hero, place }: Scene): string {
  const [first, second] = dice.sample(words.TIMES, 2) as [string, string];
  return dice.pick([
    () => `${capital(first)} ${hero.name} ${dice.pick(words.JOURNEYS)} ${place}.`,
    () => `${capital(hero.name)} had known ${place} since the summer of ${1700 + dice.below(250)}.`,
    () => `Whenever ${dice.pick(words.WEATHER)}, ${hero.name} ${dice.pick(words.JOURNEYS)} ${place}.`,
    () => `${capital(hero.name)} came to ${place} ${first} and left it ${second}.`,
  ])();
}

const SENTENCES: readonly Sentence[] = [
  (dice, { hero }) => `${capital(hero.subject)} ${deed(dice)} ${dice.pick(words.MANNERS)}.`,
  (dice, { hero, other }) => `${capital(other.name)} ${deed(dice)}, but ${hero.subject} ${deed(dice)}.`,
  (dice, { hero }) =>
    `"${dice.pick(words.REMARKS)}," ${hero.subject} said, and ${dice.pick(words.JOURNEYS)} ${dice.pick(words.PLACES)}.`,
  (dice, { other }) => `"${dice.pick(words.REMARKS)}," said ${other.name} ${dice.pick(words.MANNERS)}.`,
  (dice) => `By then ${dice.pick(words.WEATHER)}.`,
  (dice, { other }) => `It was ${other.name} who first heard that ${dice.pick(words.REPORTS)}.`,
  (dice, { hero }) =>
    `${capital(hero.subject)} counted ${number(dice)} ${
      dice.pick(words.COUNTED)
    } and wrote the sum in ${hero.possessive} notebook.`,
  (dice, { hero, other }) =>
    `${capital(dice.pick(words.TIMES))} ${other.name} gave ${hero.object} ${thing(dice)} from ${
      dice.pick(words.PLACES)
    }.`,
  (dice, { place }) => `In ${place} there was ${thing(dice)} that nobody wanted.`,
  (dice, { hero }) =>
    `If ${hero.subject} had owned ${thing(dice)}, ${hero.subject} would have shown it to ${
      dice.pick(words.PEOPLE).name
    }.`,
  (dice, { hero }) =>
    `${capital(hero.possessive)} ${noun(dice)} was ${dice.pick(words.ADJECTIVES)}, yet it had cost ${
      number(dice)
    } shillings.`,
  (dice) => `People in ${dice.pick(words.PLACES)} still say that ${dice.pick(words.REPORTS)}.`,
  (dice, { hero, other }) =>
    `While ${dice.pick(words.WEATHER)}, ${hero.subject} and ${other.name} ${deed(dice)} together.`,
  (dice, { hero }) =>
    `${capital(hero.subject)} asked for ${thing(dice)}, received ${thing(dice)}, and was content with that.`,
];

function deed(dice: Dice): string {
  return `${dice.pick(words.DEEDS)} ${thing(dice)}`;
}

/** Half of them with an adjective. */
function thing(dice: Dice): string {
  const name = noun(dice);
  return withArticle(dice.once(2) ? `${dice.pick(words.ADJECTIVES)} ${name}` : name);
}

function noun(dice: Dice): string {
  return dice.pick(words.THINGS);
}

function withArticle(phrase: string): string {
  return `${/^[aeiou](?!seful)/.test(phrase) ? "an" : "a"} ${phrase}`;
}

function number(dice: Dice): string {
  return String(2 + dice.below(dice.pick([10, 100, 1000])));
}

function capital(text: string): string {
  return text[0]!.toUpperCase() + text.slice(1);
}
