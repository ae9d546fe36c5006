/** A headless browser over its DevTools protocol: what a page logs, asks for and shows. */

/** Chromium's path, or why there is none. */
export async function findChromium(): Promise<{ readonly path: string } | { readonly reason: string }> {
  const script = decodeURIComponent(new URL("../../scripts/setup_browser.sh", import.meta.url).pathname);
  const { success, stdout, stderr } = await new Deno.Command(script, { args: ["--find"] }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
  return success ? { path: text(stdout) } : { reason: text(stderr) };
}

export interface Emulation {
  readonly width: number;
  readonly height: number;
  readonly scheme?: "light" | "dark";
  readonly media?: "screen" | "print";
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
}

/** One page in a browser of its own. */
export class Page implements AsyncDisposable {
  /** Errors and warnings of the console, exceptions, and violations of the page's policy. */
  readonly complaints: string[] = [];
  /** Addresses that were asked for. */
  readonly requests: string[] = [];
  #next = 1;
  readonly #waiting = new Map<number, PromiseWithResolvers<Record<string, unknown>>>();
  readonly #events = new Map<string, () => void>();

  private constructor(
    private readonly process: Deno.ChildProcess,
    private readonly profile: string,
    private readonly socket: WebSocket,
  ) {
    socket.addEventListener("message", ({ data }) => this.#receive(JSON.parse(data)));
  }

  static async open(chromium: string): Promise<Page> {
    const profile = Deno.makeTempDirSync({ prefix: "rocketkv-chromium-" });
    const args = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-port=0"];
    const process = new Deno.Command(chromium, {
      args: [...args, `--user-data-dir=${profile}`, "--no-first-run", "--disable-background-networking", "about:blank"],
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const port = await debuggingPort(process.stderr);
    const pages = await (await fetch(`http://127.0.0.1:${port}/json/list`)).json();
    const { webSocketDebuggerUrl } = pages.find(({ type }: { type: string }) => type === "page");
    const socket = new WebSocket(webSocketDebuggerUrl);
    await new Promise((resolve, reject) => {
      socket.addEventListener("open", resolve, { once: true });
      socket.addEventListener("error", reject, { once: true });
    });
    const page = new Page(process, profile, socket);
    for (const domain of ["Page", "Runtime", "Network", "Log"]) await page.#send(`${domain}.enable`);
    return page;
  }

  /** Go somewhere, and wait until everything has loaded. */
  async visit(url: string): Promise<void> {
    const loaded = Promise.withResolvers<void>();
    this.#events.set("Page.loadEventFired", loaded.resolve);
    await this.#send("Page.navigate", { url });
    await loaded.promise;
  }

  /** Value of an expression in the page: JSON data. @throws {Error} when it throws. */
  async evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = await this.#send("Runtime.evaluate", {
      expression,
      returnByValue: true,
      awaitPromise: true,
    });
    if (exceptionDetails) throw new Error(`${expression}: ${JSON.stringify(exceptionDetails)}`);
    return (result as { value: T }).value;
  }

  async emulate({ width, height, scheme = "light", media = "screen" }: Emulation): Promise<void> {
    await this.#send("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: false });
    const features = [{ name: "prefers-color-scheme", value: scheme }];
    await this.#send("Emulation.setEmulatedMedia", { media, features });
  }

  /** A PNG of a part of the page, from a place downwards. */
  async screenshot({ top, width, height }: { top: number; width: number; height: number }): Promise<Uint8Array> {
    const clip = { x: 0, y: top, width, height, scale: 1 };
    const { data } = await this.#send("Page.captureScreenshot", { clip, captureBeyondViewport: true });
    return Uint8Array.from(atob(data as string), (letter) => letter.charCodeAt(0));
  }

  /** The page as it would be printed. */
  async pdf(): Promise<Uint8Array> {
    const { data } = await this.#send("Page.printToPDF", { printBackground: false, preferCSSPageSize: true });
    return Uint8Array.from(atob(data as string), (letter) => letter.charCodeAt(0));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.socket.addEventListener("close", resolve, { once: true }));
    this.socket.send(JSON.stringify({ id: this.#next++, method: "Browser.close" }));
    await closed;
    await this.process.status;
    await Deno.remove(this.profile, { recursive: true });
  }

  #send(method: string, params: object = {}): Promise<Record<string, unknown>> {
    const id = this.#next++, waiting = Promise.withResolvers<Record<string, unknown>>();
    this.#waiting.set(id, waiting);
    this.socket.send(JSON.stringify({ id, method, params }));
    return waiting.promise;
  }

  #receive({ id, method, params = {}, result = {}, error }: Message): void {
    if (id !== undefined) {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error) waiting?.reject(new Error(error.message));
      else waiting?.resolve(result);
    }
    if (method === "Network.requestWillBeSent") this.requests.push((params["request"] as { url: string }).url);
    if (method === "Runtime.exceptionThrown") this.complaints.push(JSON.stringify(params["exceptionDetails"]));
    if (method === "Log.entryAdded") this.complaints.push((params["entry"] as { text: string }).text);
    if (method === "Runtime.consoleAPICalled" && ["error", "warning", "assert"].includes(params["type"] as string)) {
      this.complaints.push(JSON.stringify(params["args"]));
    }
    if (method !== undefined) this.#events.get(method)?.();
  }
}

/** Chromium says on stderr where it listens; what it says afterwards is of no interest. */
async function debuggingPort(stderr: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<number> {
  const [own, rest] = stderr.tee();
  rest.pipeTo(new WritableStream()).catch(() => {});
  let text = "";
  for await (const part of own.pipeThrough(new TextDecoderStream())) {
    text += part;
    const [, port] = /DevTools listening on ws:\/\/[^:]+:(\d+)\//.exec(text) ?? [];
    if (port !== undefined) return Number(port);
  }
  throw new Error(`Cannot start chromium: ${text}`);
}
