import { NativeError } from "../../native/error.ts";

/** What a prediction says of an arm that memory was too small for. @throws whatever else went wrong. */
export function memoryFailure(error: unknown): string {
  if (!(error instanceof NativeError && error.status === "MEMORY")) throw error;
  return `out of memory: ${error.message}`;
}
