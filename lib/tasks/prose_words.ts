/** Words that generated prose is made of: plain ones that fit together in any order. ASCII only. */

/** Someone with the pronouns that stand for them. */
export interface Person {
  readonly name: string;
  readonly subject: "he" | "she";
  readonly object: "him" | "her";
  readonly possessive: "his" | "her";
}

const HE = { subject: "he", object: "him", possessive: "his" } as const;
const SHE = { subject: "she", object: "her", possessive: "her" } as const;

export const PEOPLE: readonly Person[] = [
  ...[
    "Anselm Pike",
    "Gaffer Tolliver",
    "the old ferryman",
    "Brother Osk",
    "Captain Hale",
    "the baker's son",
    "Jonas Wren",
    "the night porter",
    "Doctor Quill",
    "young Peder",
    "the bell founder",
    "Matthias Lund",
  ].map((name) => ({ name, ...HE })),
  ...[
    "Ines Calloway",
    "Widow Penhallow",
    "the schoolmistress",
    "Aunt Rosalind",
    "the apothecary's daughter",
    "Greta Lindqvist",
    "the postmistress",
    "Sister Agnes",
    "Tamsin Reed",
    "the weaver",
    "Judge Marlow",
    "Edith Okafor",
  ].map((name) => ({ name, ...SHE })),
];

/** Singular and countable, without an article. */
export const THINGS: readonly string[] = [
  "lantern",
  "ledger",
  "copper kettle",
  "map of the marshes",
  "wooden flute",
  "broken clock",
  "basket of plums",
  "iron box",
  "letter",
  "coil of rope",
  "blue umbrella",
  "chessboard",
  "jar of honey",
  "silver thimble",
  "sewing machine",
  "telescope",
  "bundle of reeds",
  "music stand",
  "painted sign",
  "wheelbarrow",
  "almanac",
  "oil lamp",
  "fishing net",
  "pair of boots",
  "loaf of rye bread",
  "weather vane",
  "notebook",
  "saddle",
  "stone jug",
  "birdcage",
];

export const ADJECTIVES: readonly string[] = [
  "small",
  "heavy",
  "faded",
  "borrowed",
  "well-made",
  "dusty",
  "curious",
  "narrow",
  "plain",
  "crooked",
  "brightly painted",
  "forgotten",
  "useful",
  "half-finished",
  "expensive",
  "ancient",
];

/** With an article; they follow `in`, `to` and `from`. */
export const PLACES: readonly string[] = [
  "the harbour",
  "the mill yard",
  "the upper village",
  "the reading room",
  "the orchard",
  "the market square",
  "the customs house",
  "the chapel garden",
  "the boathouse",
  "the glass workshop",
  "the old quarry",
  "the railway cottage",
  "the town archive",
  "the kitchen",
  "the observatory",
  "the lower meadow",
  "the inn",
  "the botanical garden",
];

export const TIMES: readonly string[] = [
  "early in the morning",
  "before the first bell",
  "towards evening",
  "on the last day of the fair",
  "after the rain had stopped",
  "in the second week of March",
  "when the tide was low",
  "an hour after supper",
  "on a Thursday",
  "during the long frost",
  "at the end of the harvest",
  "shortly before midnight",
];

/** Past tense; they take an object. */
export const DEEDS: readonly string[] = [
  "carried",
  "repaired",
  "sold",
  "measured",
  "hid",
  "described",
  "borrowed",
  "wrapped up",
  "cleaned",
  "lost",
  "found",
  "admired",
  "painted",
  "weighed",
  "exchanged",
  "remembered",
];

/** Past tense; a place follows. */
export const JOURNEYS: readonly string[] = [
  "walked to",
  "came back from",
  "hurried to",
  "lingered in",
  "waited in",
  "cycled to",
  "slipped out of",
  "looked for work in",
];

export const MANNERS: readonly string[] = [
  "with great care",
  "without a word",
  "in no particular hurry",
  "with a quiet laugh",
  "as if nothing had happened",
  "to everyone's surprise",
  "for the third time that week",
  "against all advice",
  "with both hands",
  "by candlelight",
];

/** Whole clauses about the world around. */
export const WEATHER: readonly string[] = [
  "the wind had turned to the north",
  "a thin fog lay over the fields",
  "the river was higher than usual",
  "the swallows were already gathering",
  "it smelled of wet stone and smoke",
  "the road was white with dust",
  "snow had closed the pass",
  "the air was warm and perfectly still",
  "clouds were piling up behind the hills",
  "the gulls would not stop crying",
];

/** What someone says, without the quotation marks. */
export const REMARKS: readonly string[] = [
  "There is always more work than daylight",
  "I would not trust that bridge in the spring",
  "Nobody has asked about it in years",
  "We shall need at least two more pairs of hands",
  "My grandmother used to tell it differently",
  "You can hear the sea from here when the wind is right",
  "It was cheaper than it looked",
  "Some things are better left on the shelf",
  "The trick is to begin before you are ready",
  "Ask me again when the apples are in",
];

/** What a rumour or a report is about: they follow `that`. */
export const REPORTS: readonly string[] = [
  "the ferry would stop running in winter",
  "a stranger had rented the house by the lock",
  "the council meant to plant lime trees along the canal",
  "the new teacher played the cello",
  "flour would be dearer after the holidays",
  "the well behind the forge had never run dry",
  "two of the bells had been cast in the same week",
  "the museum was looking for a caretaker",
];

/** Plural, counted by a number in front. */
export const COUNTED: readonly string[] = [
  "sacks of barley",
  "pages",
  "paces",
  "candles",
  "sheep",
  "visitors",
  "planks",
  "letters",
  "apple trees",
  "coins",
];
