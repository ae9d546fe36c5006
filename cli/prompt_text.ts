import { RunError, UsageError } from "../lib/error.ts";

/**
 * The prompt: from the command line, a file, or stdin when neither is named.
 *
 * @throws {UsageError} when there is none and stdin is a terminal.
 * @throws {RunError} for a file that cannot be read or is not UTF-8.
 */
export async function readPrompt({ prompt, file }: { prompt?: string; file?: string }): Promise<string> {
  if (prompt !== undefined && prompt !== "-") return prompt;
  if (file !== undefined && file !== "-") return decode(await readFile(file), file);
  if (Deno.stdin.isTerminal()) {
    throw new UsageError("Cannot run without a prompt: pass -p <text> or -f <file>, or pipe the text into stdin");
  }
  return decode(new Uint8Array(await new Response(Deno.stdin.readable).arrayBuffer()), "stdin");
}

async function readFile(path: string): Promise<Uint8Array> {
  try {
    return await Deno.readFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw new RunError(`Cannot read the prompt: no file ${path}`);
    throw new RunError(`Cannot read the prompt ${path}: ${(error as Error).message}`);
  }
}

function decode(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new RunError(`Cannot read the prompt: expected UTF-8 text, found other bytes in ${name}`);
  }
}
