/** The thirteen tasks in their published order. */
import { commonWords } from "./common_words.ts";
import { frequentWords } from "./frequent_words.ts";
import { needleRecipe, type NeedleShape } from "./niah.ts";
import { questionRecipe } from "./questions.ts";
import type { Recipe } from "./recipe.ts";
import { variables } from "./variables.ts";

const SINGLE = { keyType: "word", valueType: "number", keys: 1, values: 1, queries: 1 } as const;

const needle = (shape: Partial<NeedleShape> & Pick<NeedleShape, "haystack">) => needleRecipe({ ...SINGLE, ...shape });

export const recipes = {
  niah_single_1: needle({ haystack: "noise" }),
  niah_single_2: needle({ haystack: "essay" }),
  niah_single_3: needle({ haystack: "essay", valueType: "uuid" }),
  niah_multikey_1: needle({ haystack: "essay", keys: 4 }),
  niah_multikey_2: needle({ haystack: "needles" }),
  niah_multikey_3: needle({ haystack: "needles", keyType: "uuid", valueType: "uuid" }),
  niah_multivalue: needle({ haystack: "essay", values: 4 }),
  niah_multiquery: needle({ haystack: "essay", keys: 4, queries: 4 }),
  vt: variables,
  cwe: commonWords,
  fwe: frequentWords,
  qa_1: questionRecipe(1),
  qa_2: questionRecipe(2),
} as const satisfies Record<string, Recipe>;

export type RulerTask = keyof typeof recipes;
export const RULER_TASKS = Object.keys(recipes) as readonly RulerTask[];
