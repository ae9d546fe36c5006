/** Downloads one file so that it is whole or not there: into a `.part` file that a later call continues. */
import { RunError } from "../error.ts";
import { ConnectionLost, type Reply, request } from "./http.ts";
import { hashFile, type Sha256, sha256 } from "./sha256.ts";
import { writing } from "./writing.ts";

export interface DownloadOptions {
  /** Checksum the file must have. Without it, one that the server states in `x-linked-etag` is used. */
  readonly sha256?: string | null;
  /** Sent with the request, e.g. `authorization`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Called for every piece. @param total  Bytes of the whole file, null when the server does not say. */
  readonly progress?: (done: number, total: number | null) => void;
  readonly signal?: AbortSignal;
  /** Tries before a lost connection is an error; each continues where the last one ended. @default {4} */
  readonly attempts?: number;
  /** Wait before the second try, longer before later ones. @default {1000} */
  readonly retryDelayMs?: number;
  /** Time without any bytes after which the connection counts as lost. @default {60000} */
  readonly stallMs?: number;
}

export interface Downloaded {
  readonly bytes: number;
  /** Of what was written. */
  readonly sha256: string;
}

/**
 * Download `url` to `target`.
 *
 * Until the last byte is there and the checksum agrees, everything is in `target.part`; `target.part.tag` holds the
 * server's name for that version of the file, so that a file which changed in between is not stitched together.
 *
 * @throws {RunError} when the server refuses, the checksum differs, the disk is full, or the connection stays lost; in
 *   the last two cases the `.part` file remains for the next call. The signal's reason when aborted.
 */
export async function download(url: string, target: string, options: DownloadOptions = {}): Promise<Downloaded> {
  const { attempts = 4, retryDelayMs = 1000, signal } = options;
  for (let attempt = 1;; attempt++) {
    try {
      return await downloadOnce(url, target, options);
    } catch (error) {
      if (!(error instanceof ConnectionLost)) throw error;
      if (attempt === attempts) {
        throw new RunError(`Cannot download ${url}: ${error.message}: run the command again to go on where it stopped`);
      }
      await sleep(attempt * retryDelayMs, signal);
    }
  }
}

async function downloadOnce(url: string, target: string, options: DownloadOptions): Promise<Downloaded> {
  const part = `${target}.part`;
  const kept = await readKept(part);
  const range = kept.tag === null ? {} : { range: `bytes=${kept.bytes}-`, "if-range": kept.tag };
  const reply = await request(url, { ...options.headers, ...range }, [206, 416], options.signal);
  if (reply.response.status === 416) { // what is kept is longer than the file: it cannot be a beginning of it
    await reply.response.body?.cancel();
    await discard(part);
    throw new ConnectionLost("HTTP 416 Range Not Satisfiable");
  }
  const { from, total } = extent(reply);
  if (from !== 0 && from !== kept.bytes) {
    throw new RunError(`Cannot resume ${url}: asked for byte ${kept.bytes}, got ${from}`);
  }
  const hash = sha256();
  if (from > 0) await hashFile(part, options.signal, hash);
  const bytes = await writing(part, async () => {
    if (from === 0) await writeTag(part, reply);
    using file = await Deno.open(part, { write: true, create: true, truncate: from === 0, append: from > 0 });
    const done = await receive(reply, file, hash, from, total, options);
    await file.sync();
    return done;
  });
  if (total !== null && bytes !== total) throw new ConnectionLost(`connection closed after ${bytes} of ${total} bytes`);
  const found = hash.hex(), wanted = options.sha256 ?? statedSha256(reply);
  if (wanted !== null && found !== wanted) {
    await discard(part);
    throw new RunError(`Cannot download ${url}: SHA-256 must be ${wanted}: found ${found}`);
  }
  await writing(target, () => Deno.rename(part, target));
  await discard(part);
  return { bytes, sha256: found };
}

/** What an earlier call left: no bytes count unless it is known which version of the file they belong to. */
async function readKept(part: string): Promise<{ bytes: number; tag: string | null }> {
  const bytes = await Deno.stat(part).then((info) => info.size, () => 0);
  const tag = await Deno.readTextFile(`${part}.tag`).catch(() => "");
  return bytes > 0 && tag !== "" ? { bytes, tag } : { bytes: 0, tag: null };
}

/** The first byte that the reply brings, and the length of the whole file. */
function extent({ response: { status, headers } }: Reply): { from: number; total: number | null } {
  if (status === 206) {
    const [, first, total] = headers.get("content-range")?.match(/^bytes (\d+)-\d+\/(\d+|\*)$/) ?? [];
    return { from: Number(first), total: total === "*" ? null : Number(total) };
  }
  const length = headers.get("content-length");
  return { from: 0, total: length === null ? null : Number(length) };
}

async function receive(
  reply: Reply,
  file: Deno.FsFile,
  hash: Sha256,
  from: number,
  total: number | null,
  { progress, signal, stallMs = 60_000 }: DownloadOptions,
): Promise<number> {
  let done = from;
  progress?.(done, total);
  const reader = reply.response.body?.getReader();
  if (reader === undefined) return done;
  try {
    for (;;) {
      const chunk = await readOrStall(reader, stallMs, signal);
      if (chunk === undefined) return done;
      hash.update(chunk);
      for (let written = 0; written < chunk.length;) written += await file.write(chunk.subarray(written));
      done += chunk.length;
      progress?.(done, total);
    }
  } finally {
    await reader.cancel().catch(() => {}); // ends the connection; what broke it has been reported
  }
}

async function readOrStall(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  stallMs: number,
  signal: AbortSignal | undefined,
): Promise<Uint8Array | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stalled = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new ConnectionLost(`no data for ${stallMs / 1000} s`)), stallMs);
  });
  try {
    return (await Promise.race([reader.read(), stalled])).value;
  } catch (error) {
    signal?.throwIfAborted();
    throw error instanceof ConnectionLost ? error : new ConnectionLost(`connection lost: ${(error as Error).message}`);
  } finally {
    clearTimeout(timer);
  }
}

/** A strong ETag or a date names one version of the file; a server that gives neither cannot be resumed from. */
async function writeTag(part: string, { response: { headers } }: Reply): Promise<void> {
  const etag = headers.get("etag");
  const tag = etag !== null && !etag.startsWith("W/") ? etag : headers.get("last-modified") ?? "";
  await Deno.writeTextFile(`${part}.tag`, tag);
}

/** Model hubs give a large file's SHA-256 as its linked ETag. */
function statedSha256(reply: Reply): string | null {
  return reply.header("x-linked-etag")?.match(/^"?([0-9a-f]{64})"?$/)?.[1] ?? null;
}

async function discard(part: string): Promise<void> {
  for (const path of [part, `${part}.tag`]) {
    await Deno.remove(path).catch((error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    });
  }
}

function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal!.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}
