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
