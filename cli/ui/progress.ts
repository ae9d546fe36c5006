import { formatCount, formatDuration, formatPercent } from "./format.ts";

/** Erase the line and go to its start. */
const CLEAR = "\r\x1b[2K";
const SHOW_AFTER_MS = 300;
const REDRAW_MS = 100;

/** One line on stderr that says how far a long step is, how fast, and for how long still. Silent without a terminal. */
export class Progress implements Disposable {
  readonly #start = performance.now();
  readonly #terminal: boolean;
  #drawn = -Infinity;
  #visible = false;

  /**
   * @param label  What is going on: `prefill`.
   * @param rate   Turns units per second into text; without it no speed is shown.
   */
  constructor(
    readonly label: string,
    readonly rate?: (unitsPerSecond: number) => string,
    { terminal = Deno.stderr.isTerminal() }: { terminal?: boolean } = {},
  ) {
    this.#terminal = terminal;
  }

  /** Short steps stay invisible: the line appears when a step has taken a moment. */
  update(done: number, total: number): void {
    const now = performance.now();
    if (!this.#terminal || now - this.#start < SHOW_AFTER_MS || now - this.#drawn < REDRAW_MS) return;
    this.#drawn = now;
    this.#visible = true;
    Deno.stderr.writeSync(new TextEncoder().encode(CLEAR + progressLine(this, done, total, now - this.#start)));
  }

  [Symbol.dispose](): void {
    if (this.#visible) Deno.stderr.writeSync(new TextEncoder().encode(CLEAR));
    this.#visible = false;
  }
}

/** `prefill 42.0%, 1,234 tokens/s, 3.21 s left` */
export function progressLine(
  { label, rate }: { label: string; rate?: ((unitsPerSecond: number) => string) | undefined },
  done: number,
  total: number,
  ms: number,
): string {
  if (total <= 0) return `${label} ${formatCount(done)}`;
  const parts = [`${label} ${formatPercent(done / total)}`];
  if (done > 0) {
    if (rate) parts.push(rate(done / (ms / 1000)));
    parts.push(`${formatDuration((ms / done) * (total - done))} left`);
  }
  return parts.join(", ");
}

/** Progress of a prefill, which counts tokens x layers. */
export function prefillProgress(nLayers: number): Progress {
  return new Progress("prefill", (rate) => `${formatCount(rate / nLayers)} tokens/s`);
}
