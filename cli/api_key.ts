import { UsageError } from "../lib/error.ts";

/** The key that an environment variable holds: command lines are seen by everyone. @throws {UsageError} when it has none. */
export function keyIn(variable: string): string {
  const key = Deno.env.get(variable);
  if (key !== undefined && key !== "") return key;
  throw new UsageError(
    `Cannot use --api-key-env ${variable}: expected an environment variable of that name, found none`,
  );
}
