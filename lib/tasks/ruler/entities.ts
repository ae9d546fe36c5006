/** Towns and people that do not exist: what is said of them can only be read. */
import type { Dice } from "../dice.ts";

const BEGIN =
  "Bar Bel Cor Dal Dor Esk Fen Gal Har Hol Ist Jor Kel Lan Lor Mar Mel Nor Ost Pel Quen Ram Sel Tar Tol Ul Ver Wil Yar Zan"
    .split(" ");
const MIDDLE = "a e i o u ada amo ande ari eli emo eri ila ine iro ona ora ude una uri".split(" ");
const END = "bar ben by dal den don fell ford gard hal ham lin mar mere mont ness nia ra rin stad ten thal ton vik wick"
  .split(" ");
const FIRST =
  "Ada Bruno Celia Dario Edda Felix Greta Hugo Ilse Joris Katya Leander Mira Nils Odile Pavel Rosa Stellan Tilda Ulric Vera Willem Yara Zeno"
    .split(" ");

/** Names that were not given before. */
export class Names {
  readonly #dice: Dice;
  readonly #given = new Set<string>();

  constructor(dice: Dice) {
    this.#dice = dice;
  }

  place(): string {
    return this.#fresh((dice) => dice.pick(BEGIN) + dice.pick(MIDDLE) + dice.pick(END));
  }

  person(): string {
    return this.#fresh((dice) => `${dice.pick(FIRST)} ${dice.pick(BEGIN)}${dice.pick(MIDDLE)}${dice.pick(END)}`);
  }

  #fresh(make: (dice: Dice) => string): string {
    for (;;) {
      const name = make(this.#dice);
      if (this.#given.has(name)) continue;
      this.#given.add(name);
      return name;
    }
  }
}

const GOODS =
  "glass bells,woollen cloaks,cider,clay pipes,copper pans,fishing boats,honey,paper,salt,saddles,silk,violins".split(
    ",",
  );
const TRADES =
  "bridge builder,clockmaker,geographer,physician,printer,ship's carpenter,singer,surveyor,teacher,translator".split(
    ",",
  );

export interface Town {
  readonly name: string;
  readonly founder: string;
  readonly river: string;
  readonly hill: string;
  readonly rival: string;
}

export interface Person {
  readonly name: string;
  readonly birthplace: string;
  readonly teacher: string;
  readonly ship: string;
}

export function town(names: Names, founder = names.person()): Town {
  return { name: names.place(), founder, river: names.place(), hill: names.place(), rival: names.place() };
}

export function person(names: Names, name = names.person()): Person {
  return { name, birthplace: names.place(), teacher: names.person(), ship: names.place() };
}

/** Four or five sentences, in any order behind the first. */
export function aboutTown(dice: Dice, { name, founder, river, hill, rival }: Town): string {
  const facts = [
    `${name} was founded by ${founder} in ${1200 + dice.below(700)}.`,
    `The river ${river} runs through the middle of ${name} and floods its lower streets in wet years.`,
    `Above the roofs stands the hill ${hill}, where ${dice.pick(GOODS)} were once sold.`,
    `Its old rival in trade is ${rival}, ${2 + dice.below(60)} miles away.`,
  ];
  return [
    `${name} is a town of ${1000 + dice.below(60_000)} people, known for its ${dice.pick(GOODS)}.`,
    ...dice.shuffled(facts),
  ]
    .join(" ");
}

export function aboutPerson(dice: Dice, { name, birthplace, teacher, ship }: Person): string {
  const facts = [
    `${name} was born in ${birthplace}.`,
    `The first lessons of ${name} were with ${teacher}, who asked for no pay.`,
    `On the ship ${ship} ${name} reached the far coast and stayed for ${2 + dice.below(20)} years.`,
  ];
  return [
    `${name} was a ${dice.pick(TRADES)} of the ${dice.pick(["last", "same", "old"])} century.`,
    ...dice.shuffled(facts),
  ]
    .join(" ");
}
