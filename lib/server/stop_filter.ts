/** Ends a text that arrives in pieces in front of the first stop. */
export class StopFilter {
  #held = "";
  #stopped = false;

  /** @param stops  Texts, none of them empty; none at all lets everything through. */
  constructor(readonly stops: readonly string[]) {}

  /** Whether a stop was seen; nothing comes out any more then. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** @returns What is certain not to belong to a stop. */
  push(text: string): string {
    if (this.#stopped) return "";
    this.#held += text;
    const places = this.stops.map((stop) => this.#held.indexOf(stop)).filter((place) => place >= 0);
    if (places.length > 0) {
      this.#stopped = true;
      return this.#held.slice(0, Math.min(...places));
    }
    return this.#release(this.#held.length - this.#unfinished());
  }

  /** What is left at the end. */
  flush(): string {
    return this.#stopped ? "" : this.#release(this.#held.length);
  }

  /** Length of the longest end of what is held that could be a stop's beginning. */
  #unfinished(): number {
    const longest = Math.max(0, ...this.stops.map((stop) => stop.length - 1));
    for (let length = Math.min(longest, this.#held.length); length > 0; length--) {
      const end = this.#held.slice(-length);
      if (this.stops.some((stop) => stop.startsWith(end))) return length;
    }
    return 0;
  }

  #release(length: number): string {
    const text = this.#held.slice(0, length);
    this.#held = this.#held.slice(length);
    return text;
  }
}
