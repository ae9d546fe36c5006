/** Ctrl-C and `kill`: the first one asks the running work to stop cleanly, the second one ends the process at once. */

const NUMBERS = { SIGINT: 2, SIGTERM: 15 } as const;

const controller = new AbortController();
let received: keyof typeof NUMBERS | null = null;
let listening = false;

/**
 * A signal that is aborted when the process is asked to stop. Until the first call, signals keep their usual effect.
 *
 * @param absorb  Called first; true means that the request was for something smaller, such as one answer.
 */
export function interruptSignal(absorb: () => boolean = () => false): AbortSignal {
  if (!listening) {
    for (const name of Object.keys(NUMBERS) as (keyof typeof NUMBERS)[]) listen(name, absorb);
    listening = true;
  }
  return controller.signal;
}

/** Exit code of a process that was asked to stop: 130 for Ctrl-C, 143 for `kill`; null when it was not. */
export function interruptCode(): number | null {
  return received && 128 + NUMBERS[received];
}

function listen(name: keyof typeof NUMBERS, absorb: () => boolean): void {
  const stop = () => {
    if (absorb()) return;
    Deno.removeSignalListener(name, stop); // a second one has its usual effect
    received ??= name;
    controller.abort();
  };
  Deno.addSignalListener(name, stop);
}
