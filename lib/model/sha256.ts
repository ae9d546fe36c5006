/** SHA-256 of files, in a stream. */
import { createHash } from "node:crypto";

export interface Sha256 {
  update(bytes: Uint8Array): void;
  /** Lower-case hex; the hash is finished. */
  hex(): string;
}

export function sha256(): Sha256 {
  const hash = createHash("sha256");
  return { update: (bytes) => void hash.update(bytes), hex: () => hash.digest("hex") };
}

/**
 * Hash a file.
 *
 * @param into    Continue this hash instead of starting one; the caller then finishes it.
 * @throws The signal's reason when aborted, an error of `Deno.errors` when the file cannot be read.
 */
export async function hashFile(path: string, signal?: AbortSignal, into: Sha256 = sha256()): Promise<Sha256> {
  using file = await Deno.open(path);
  const bytes = new Uint8Array(1 << 20);
  for (;;) {
    signal?.throwIfAborted();
    const got = await file.read(bytes);
    if (got === null) return into;
    into.update(bytes.subarray(0, got));
  }
}
