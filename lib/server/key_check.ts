/** Whether a request carries the server's key. */
import { createHash, timingSafeEqual } from "node:crypto";
import { ApiError } from "./api_error.ts";

export class KeyCheck {
  readonly #wanted: Uint8Array;

  /** @param key  Must not be empty. */
  constructor(key: string) {
    this.#wanted = digest(key);
  }

  /** @throws {ApiError} with status 401 unless the request has the key as its bearer token. */
  check(request: Request): void {
    const token = /^Bearer +(.*)$/i.exec(request.headers.get("authorization") ?? "")?.[1];
    // Digests have one length, and comparing them takes one time: how long it takes tells nothing about the key.
    if (token !== undefined && timingSafeEqual(digest(token), this.#wanted)) return;
    const problem = token === undefined
      ? "expected a key in the header Authorization, found none"
      : "it has another key";
    throw new ApiError(401, `Cannot answer: ${problem}`, null, "invalid_api_key");
  }
}

function digest(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}
