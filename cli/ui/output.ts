/** Stdout carries what was asked for: text or JSON. Everything said about it goes to stderr. */

const encoder = new TextEncoder();

/**
 * Write text to stdout, all of it.
 *
 * @throws {Deno.errors.BrokenPipe} when the reader is gone; `main.ts` ends quietly then.
 */
export function write(text: string): void {
  writeAll(Deno.stdout, text);
}

/** Write one line to stdout. */
export function writeLine(text: string): void {
  write(text + "\n");
}

/** Write a value to stdout as one line of JSON, with the keys of our objects in snake_case. */
export function writeJson(value: unknown): void {
  writeLine(JSON.stringify(snakeKeys(value)));
}

/** Say something on stderr. Nobody listening there is no reason to stop. */
export function note(text: string): void {
  try {
    writeAll(Deno.stderr, text + "\n");
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}

/** `promptTokens` becomes `prompt_tokens`, at every depth. Keys that are data rather than names are not camelCase. */
export function snakeKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(snakeKeys);
  if (value === null || typeof value !== "object") return typeof value === "bigint" ? Number(value) : value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      snakeKeys(item),
    ]),
  );
}

function writeAll(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  let rest = encoder.encode(text);
  while (rest.length > 0) rest = rest.subarray(stream.writeSync(rest));
}
