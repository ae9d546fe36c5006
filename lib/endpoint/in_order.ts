/**
 * Runs several items at a time and hands their results out in the order of the items.
 *
 * @param run  Its signal is aborted when another item failed, or nobody wants more results.
 * @throws What the first item threw that has no result.
 */
export async function* inOrder<T, R>(
  items: readonly T[],
  jobs: number,
  run: (item: T, signal: AbortSignal) => Promise<R>,
  signal: AbortSignal,
): AsyncGenerator<R> {
  const stop = new AbortController();
  const wanted = AbortSignal.any([signal, stop.signal]);
  const results = items.map(() => Promise.withResolvers<R>());
  for (const { promise } of results) promise.catch(() => {}); // whoever takes the result hears of it
  let next = 0;
  const worker = async () => {
    while (next < items.length && !wanted.aborted) {
      const at = next++;
      try {
        results[at]!.resolve(await run(items[at]!, wanted));
      } catch (error) {
        results[at]!.reject(error);
      }
    }
  };
  const workers = Array.from({ length: Math.min(jobs, items.length) }, worker);
  try {
    for (const { promise } of results) {
      yield await Promise.race([promise, aborted(wanted)]);
    }
  } finally {
    stop.abort();
    await Promise.allSettled(workers);
  }
}

/** Never fulfilled. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
