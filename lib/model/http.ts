/** HTTP requests as downloads need them: redirects followed with their headers read, failures told apart. */
import { RunError } from "../error.ts";

/** The connection failed or the server is busy: the same request may succeed later. */
export class ConnectionLost extends Error {
  override readonly name: string = "ConnectionLost";
}

export interface Reply {
  readonly response: Response;
  /** Headers of the reply and of every redirect before it; the earliest wins. */
  header(name: string): string | null;
}

const MAX_REDIRECTS = 8;

const NO_ACCESS = ": access must be granted by the model's owner, and HF_TOKEN must hold your token";
const HINTS: Readonly<Record<number, string>> = { 401: NO_ACCESS, 403: NO_ACCESS, 404: ": no such model or file" };

/**
 * GET a URL.
 *
 * Redirects are followed here rather than by fetch(), because model hubs put a file's checksum into the headers of the
 * redirect. An `authorization` header is not sent on to another origin.
 *
 * @param url      Only http and https.
 * @param accept   Statuses besides 200 that the caller deals with.
 * @throws {RunError} for a status that will not get better; {ConnectionLost} for one that may, and for broken networks;
 *   the signal's reason when aborted.
 */
export async function request(
  url: string,
  headers: Readonly<Record<string, string>>,
  accept: readonly number[],
  signal?: AbortSignal,
): Promise<Reply> {
  const seen: Headers[] = [];
  const origin = new URL(url).origin;
  for (let current = url; seen.length <= MAX_REDIRECTS;) {
    const sent = new Headers({ "accept-encoding": "identity", ...headers });
    if (new URL(current).origin !== origin) sent.delete("authorization");
    let response: Response;
    try {
      response = await fetch(current, { headers: sent, redirect: "manual", ...(signal ? { signal } : {}) });
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof TypeError)) throw error; // e.g. no permission to connect
      throw new ConnectionLost(error.message);
    }
    seen.push(response.headers);
    const location = response.headers.get("location");
    if (response.status >= 300 && response.status < 400 && location !== null) {
      await response.body?.cancel();
      current = new URL(location, current).href;
      continue;
    }
    if (response.status !== 200 && !accept.includes(response.status)) await refuseStatus(url, response);
    return { response, header: (name) => seen.find((h) => h.has(name))?.get(name) ?? null };
  }
  throw new RunError(`Cannot download ${url}: more than ${MAX_REDIRECTS} redirects`);
}

async function refuseStatus(url: string, response: Response): Promise<never> {
  await response.body?.cancel();
  const { status } = response;
  const text = `HTTP ${status} ${response.statusText}`.trim();
  if (status === 429 || status >= 500) throw new ConnectionLost(text);
  throw new RunError(`Cannot download ${url}: ${text}${HINTS[status] ?? ""}`);
}
