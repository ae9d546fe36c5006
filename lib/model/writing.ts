/** Failures of the disk as one line. */
import { RunError } from "../error.ts";

/**
 * Run something that writes to `path`.
 *
 * @throws {RunError} when the system refuses (a full or read-only disk); everything else passes as it is.
 */
export async function writing<T>(path: string, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    // Deno has no class of its own for a full disk, but every refusal of the system ends with its number.
    if (error instanceof Error && /\(os error \d+\)/.test(error.message)) {
      throw new RunError(`Cannot write ${path}: ${error.message}`);
    }
    throw error;
  }
}

/**
 * Replace a file in one step: readers see the old one or the new one.
 *
 * @param content  Bytes, a text, or pieces of one, for files that are larger than a text can be.
 * @throws {RunError} when the system refuses; what was written of the new file is gone then.
 */
export async function writeWhole(path: string, content: string | Uint8Array | readonly string[]): Promise<void> {
  const part = `${path}.tmp`;
  await writing(path, async () => {
    try {
      using file = await Deno.open(part, { write: true, create: true, truncate: true });
      const pieces = typeof content === "string" || content instanceof Uint8Array ? [content] : content;
      for (const piece of pieces) {
        const bytes = typeof piece === "string" ? new TextEncoder().encode(piece) : piece;
        for (let done = 0; done < bytes.length;) done += await file.write(bytes.subarray(done));
      }
      await file.sync();
    } catch (error) {
      await Deno.remove(part).catch(() => {}); // the first refusal is what matters
      throw error;
    }
    await Deno.rename(part, path);
  });
}
