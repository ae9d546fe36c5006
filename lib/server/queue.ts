import { ApiError } from "./api_error.ts";

/** Runs jobs one after the other, in the order in which they came. */
export class Queue {
  #last: Promise<unknown> = Promise.resolve();
  #jobs = 0;

  /** @param limit  Most jobs that may wait behind the one that runs. */
  constructor(readonly limit: number) {}

  /** Jobs that wait, and the one that runs. */
  get length(): number {
    return this.#jobs;
  }

  /**
   * @param signal  Aborted when nobody wants the result any more: the job is then skipped when its turn comes.
   * @throws {ApiError} 429 when too many wait.
   */
  run<T>(signal: AbortSignal, job: () => Promise<T>): Promise<T> {
    if (this.#jobs > this.limit) {
      throw new ApiError(429, `Cannot take the request: ${this.limit} are waiting already`, null, "queue_full");
    }
    this.#jobs++;
    const result = this.#last.then(() => {
      signal.throwIfAborted();
      return job();
    }).finally(() => this.#jobs--);
    this.#last = result.catch(() => {}); // whoever waits for this job hears of it
    return result;
  }
}
