/** JSON files beside a model. */
import { refuse, show } from "./model_file.ts";

/**
 * Parse a file that must hold one JSON object.
 *
 * @param missing  What to return when there is no such file; without it a missing file is an error.
 * @throws {RunError} when the file cannot be read, is not JSON, or holds something else than an object.
 */
export async function readJsonObject(
  path: string,
  missing?: Record<string, unknown>,
): Promise<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(await Deno.readTextFile(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound && missing !== undefined) return missing;
    refuse(path, error instanceof SyntaxError ? `must be JSON: ${error.message}` : (error as Error).message);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    refuse(path, `must be a JSON object: found ${show(value)}`);
  }
  return value as Record<string, unknown>;
}
