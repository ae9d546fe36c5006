/** Texts whose continuation is predicted: generated prose, and two files of this repository that do not change. */
import { cutPrompts } from "../../lib/fidelity/windows.ts";
import { Dice } from "../../lib/tasks/dice.ts";
import { paragraph } from "../../lib/tasks/prose.ts";
import type { Tokenizer } from "../../lib/text/types.ts";

export const TEXTS = ["prose", "files"] as const;
export type TextName = typeof TEXTS[number];

/** A story that was written for the demo, and the Apache licence. */
export const FILES = ["scripts/demo/prompt.txt", "LICENSE"];

/** `count` texts of `length` tokens, or as many as there are without an overlap, at least one. */
export function textsOf(name: TextName, tokenizer: Tokenizer, length: number, count: number, seed: number): number[][] {
  if (name === "prose") return Array.from({ length: count }, (_, i) => prose(tokenizer, length, i, seed));
  const text = filesText();
  const most = Math.floor(tokenizer.encode(text, { bos: false }).length / length);
  return cutPrompts(tokenizer, text, length, Math.max(1, Math.min(count, most)));
}

function prose(tokenizer: Tokenizer, length: number, index: number, seed: number): number[] {
  const dice = new Dice(seed, `fidelity/prose/${index}`);
  const paragraphs: string[] = [];
  for (let letters = 0; letters < 8 * length; letters += paragraphs.at(-1)!.length) paragraphs.push(paragraph(dice));
  return tokenizer.encode(paragraphs.join("\n\n")).slice(0, length);
}

export function filesText(): string {
  const root = new URL("../../", import.meta.url);
  return FILES.map((path) => Deno.readTextFileSync(new URL(path, root)).trim()).join("\n\n");
}
