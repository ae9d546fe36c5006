import type { ProgressListener } from "../native/progress.ts";

/** Counts tokens that went through a model, in prefills and decode steps, for a progress line. */
export class TokenCount {
  #done = 0;

  /** @param total  Tokens that will go through it. */
  constructor(readonly total: number, readonly onProgress: ProgressListener = () => {}) {}

  add(tokens: number): void {
    this.#done += tokens;
    this.onProgress(this.#done, this.total);
  }

  /** Listener of a prefill, which counts tokens x layers. */
  prefill(nLayers: number): ProgressListener {
    const before = this.#done;
    return (done) => {
      this.#done = before + done / nLayers;
      this.onProgress(this.#done, this.total);
    };
  }
}
