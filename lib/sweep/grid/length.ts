/** Lengths of prompts as people write them: `4096` tokens, `2048w` words. */
import { UsageError } from "../../error.ts";
import type { Length } from "../../tasks/task.ts";

/** @throws {UsageError} unless the text is `4096` or `2048w`, at least 1. */
export function parseLength(text: string): Length {
  const [, digits, words] = /^(\d+)(w?)$/.exec(text.trim()) ?? [];
  const count = Number(digits);
  if (!(count >= 1 && count < 2 ** 31)) {
    throw new UsageError(`Cannot use length "${text}": it must be tokens such as 4096, or words such as 2048w`);
  }
  return { unit: words === "w" ? "words" : "tokens", count };
}

/** What `parseLength` reads. */
export function formatLength({ unit, count }: Length): string {
  return unit === "words" ? `${count}w` : `${count}`;
}
