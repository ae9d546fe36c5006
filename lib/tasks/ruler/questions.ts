/** `qa_1` and `qa_2`: a question about one document, or about two that belong together, among many others. */
import { aboutPerson, aboutTown, Names, person, town } from "./entities.ts";
import type { QaItem } from "./qa_item.ts";
import type { Draft, DraftRequest, Recipe } from "./recipe.ts";
import { joinPieces } from "./text.ts";

export function questionRecipe(hops: 1 | 2): Recipe {
  return {
    metric: "match_part",
    newTokens: 32,
    mostUnits: (length) => Math.ceil(length / 16), // of shorter documents there would be more, but not whole
    prepare(request) {
      const most = Math.ceil(request.length / 16);
      return request.sources.questions === null
        ? prompts(request, ...invented(request, hops, most))
        : prompts(request, ...fromFile(request, request.sources.questions, most));
    },
  };
}

function prompts(
  { dice }: DraftRequest,
  { question, answers, gold }: QaItem,
  others: readonly string[],
): (units: number) => Draft {
  return (units) => {
    const documents = [
      ...gold.map((text) => ({ text, gold: true })),
      ...others.slice(0, units).map((text) => ({ text, gold: false })),
    ];
    const shuffled = dice("order").shuffled(documents);
    const headed = shuffled.map(({ text, gold }, i) => ({ text: `Document ${i + 1}:\n${text}`, gold }));
    const { text, gold: spans } = joinPieces(headed, "\n\n", INTRO.length);
    return {
      context: INTRO + text,
      question: `${TASK}\n\nQuestion: ${question}`,
      prefix: "Answer:",
      references: answers,
      gold: spans,
      about: {
        documents: shuffled.length,
        goldDocuments: shuffled.flatMap(({ gold }, i) => gold ? [i + 1] : []),
      },
    };
  };
}

const TASK = "Answer the question from these documents, with the answer alone and no other words.";
const INTRO = `${TASK}\n\n`;

/** @returns The question, and documents of towns and people that it is not about. */
function invented({ dice }: DraftRequest, hops: 1 | 2, most: number): [QaItem, string[]] {
  const names = new Names(dice("names")), facts = dice("facts");
  const item = hops === 1 ? oneHop(names, facts) : twoHops(names, facts);
  const others = Array.from(
    { length: most },
    () => facts.once(2) ? aboutTown(facts, town(names)) : aboutPerson(facts, person(names)),
  );
  return [item, others];
}

function oneHop(names: Names, dice: ReturnType<DraftRequest["dice"]>): QaItem {
  const place = town(names), someone = person(names);
  const [subject, question, answer] = dice.pick(
    [
      [place, `Who founded ${place.name}?`, place.founder],
      [place, `Which river runs through ${place.name}?`, place.river],
      [place, `Which town is the old rival of ${place.name}?`, place.rival],
      [someone, `Where was ${someone.name} born?`, someone.birthplace],
      [someone, `Who gave ${someone.name} the first lessons?`, someone.teacher],
      [someone, `On which ship did ${someone.name} reach the far coast?`, someone.ship],
    ] as const,
  );
  const text = subject === place ? aboutTown(dice, place) : aboutPerson(dice, someone);
  return { question, answers: [answer], gold: [text], near: [] };
}

function twoHops(names: Names, dice: ReturnType<DraftRequest["dice"]>): QaItem {
  const founder = person(names), place = town(names, founder.name);
  const [question, answer] = dice.pick(
    [
      [`Where was the founder of ${place.name} born?`, founder.birthplace],
      [`Who gave the founder of ${place.name} the first lessons?`, founder.teacher],
      [`On which ship did the founder of ${place.name} reach the far coast?`, founder.ship],
    ] as const,
  );
  return { question, answers: [answer], gold: [aboutTown(dice, place), aboutPerson(dice, founder)], near: [] };
}

/** Questions are taken in the order of the file; their nearest documents come first, then any others. */
function fromFile({ dice, index }: DraftRequest, items: readonly QaItem[], most: number): [QaItem, string[]] {
  const item = items[index % items.length]!;
  const own = new Set([...item.gold, ...item.near]);
  const pool = [...new Set(items.flatMap(({ gold, near }) => [...gold, ...near]))].filter((text) => !own.has(text));
  return [item, [...item.near, ...dice("others").shuffled(pool)].slice(0, most)];
}
