import { RunError } from "../error.ts";
import type { Bytes } from "./struct.ts";
import { ERROR } from "./structs.ts";

/** Statuses of the library; the order is `rkv_status` of the C header. */
export const STATUSES = [
  "OK",
  "ARG",
  "STATE",
  "MEMORY",
  "IO",
  "DEVICE",
  "CANCELLED",
  "BUSY",
  "HANDLE",
  "INTERNAL",
] as const;
export type Status = typeof STATUSES[number];

/** The library refused something for a reason that people can act on: a file, a number, memory, the device. */
export class NativeError extends RunError {
  override readonly name = "NativeError";

  constructor(readonly status: Status, message: string) {
    super(message);
  }
}

/** The library was called out of order or failed inside: a defect of this program, so it keeps its stack. */
export class NativeDefect extends Error {
  override readonly name = "NativeDefect";

  constructor(readonly status: Status, message: string) {
    super(message);
  }
}

const DEFECTS: ReadonlySet<Status> = new Set<Status>(["STATE", "BUSY", "HANDLE", "INTERNAL"]);

/**
 * Turn a failed call into an exception that says what was attempted.
 *
 * @param status  What the call returned.
 * @param err     The `rkv_error` it was given.
 * @param action  What could not be done, to follow "Cannot": `load tensor "x"`.
 * @throws {NativeError} where the user can do something about it.
 * @throws {NativeDefect} where only we can.
 * @throws {DOMException} named AbortError when the call was cancelled.
 */
export function check(status: number, err: Bytes, action: string): void {
  if (status === 0) return;
  const name = STATUSES[status] ?? "INTERNAL";
  if (name === "CANCELLED") throw new DOMException(`Stopped: ${action}`, "AbortError");
  const text = ERROR.unpack(err).message || name.toLowerCase();
  // Some of the library's messages say already what was attempted, more precisely than we can.
  const message = text.startsWith("cannot ") ? `C${text.slice(1)}` : `Cannot ${action}: ${text}`;
  throw DEFECTS.has(name) ? new NativeDefect(name, message) : new NativeError(name, message);
}
