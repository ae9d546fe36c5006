/** A web server for tests of downloads, on a free port of this machine. */

export interface ServedFile {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface FileServer extends AsyncDisposable {
  /** `http://127.0.0.1:port` */
  readonly url: string;
  /** What is served, by path; may be changed at any time. */
  readonly files: Map<string, ServedFile | ((request: Request) => Response)>;
  /** Path and Range header of every request so far. */
  readonly requests: { path: string; range: string | null; authorization: string | null }[];
  /** The next replies end after this many bytes, one entry per reply. */
  readonly cuts: number[];
  /** Whether Range is honoured. */
  ranges: boolean;
}

export function serveFiles(): FileServer {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, answer);
  const { port } = server.addr as Deno.NetAddr;
  const self: FileServer = {
    url: `http://127.0.0.1:${port}`,
    files: new Map(),
    requests: [],
    cuts: [],
    ranges: true,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
  return self;

  function answer(request: Request): Response {
    const { pathname } = new URL(request.url);
    const range = request.headers.get("range");
    self.requests.push({ path: pathname, range, authorization: request.headers.get("authorization") });
    const file = self.files.get(pathname);
    if (file === undefined) return new Response("nothing here", { status: 404 });
    if (typeof file === "function") return file(request);
    const size = file.bytes.length;
    const condition = request.headers.get("if-range");
    const fits = condition === null || condition === (file.headers?.etag ?? file.headers?.["last-modified"]);
    const from = self.ranges && fits ? Number(range?.match(/^bytes=(\d+)-$/)?.[1] ?? 0) : 0;
    if (from >= size && from > 0) return new Response(null, { status: 416 });
    const headers = new Headers(file.headers);
    headers.set("content-length", String(size - from));
    if (from > 0) headers.set("content-range", `bytes ${from}-${size - 1}/${size}`);
    return new Response(body(file.bytes.subarray(from), self.cuts.shift()), { status: from > 0 ? 206 : 200, headers });
  }
}

/** The bytes in pieces; with a cut they end early, and as the length was promised the connection breaks. */
function body(bytes: Uint8Array<ArrayBuffer>, cut = Infinity): ReadableStream<Uint8Array<ArrayBuffer>> {
  const end = Math.min(cut, bytes.length);
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at < end) controller.enqueue(bytes.slice(at, at = Math.min(at + 1000, end)));
      else controller.close();
    },
  });
}
