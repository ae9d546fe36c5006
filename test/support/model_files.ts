/** Damaged model files for tests, and the refusals they must meet. */
import assert from "node:assert/strict";
import { RunError } from "../../lib/error.ts";

/** Call with a temporary folder, which is gone afterwards. */
export function withFolder<T>(body: (folder: string) => T): T {
  const folder = Deno.makeTempDirSync({ prefix: "rocketkv-" });
  const clean = () => Deno.removeSync(folder, { recursive: true });
  let result: T;
  try {
    result = body(folder);
  } catch (error) {
    clean();
    throw error;
  }
  if (result instanceof Promise) return result.finally(clean) as T;
  clean();
  return result;
}

/** Call with the path of a temporary file that holds these bytes. */
export function withBytes<T>(bytes: Uint8Array, ending: string, body: (path: string) => T): T {
  return withFolder((folder) => {
    const path = `${folder}/file${ending}`;
    Deno.writeFileSync(path, bytes);
    return body(path);
  });
}

/** Index of the first byte after a text in a file. */
export function bytesAfter(bytes: Uint8Array, text: string): number {
  const latin1 = new TextDecoder("latin1").decode(bytes);
  const at = latin1.indexOf(text);
  assert(at >= 0, `${text} is not in the file`);
  return at + text.length;
}

/** A copy with a change. */
export function damage(bytes: Uint8Array, change: (view: DataView) => void): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(bytes);
  change(new DataView(copy.buffer));
  return copy;
}

/** The call must throw a RunError of one line that contains `message`. */
export function refusal(body: () => unknown, message: string): void {
  assert.throws(body, (error) => isRefusal(error, message));
}

/** As refusal(), for a promise. */
export async function asyncRefusal(body: () => Promise<unknown>, message: string): Promise<void> {
  await assert.rejects(body, (error) => isRefusal(error, message));
}

function isRefusal(error: unknown, message: string): true {
  assert(error instanceof RunError, `expected a RunError, found ${error instanceof Error ? error.stack : error}`);
  assert(!error.message.includes("\n"), `one line: ${error.message}`);
  assert(error.message.includes(message), `expected: ${message}\nfound:    ${error.message}`);
  return true;
}
