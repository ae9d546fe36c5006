/** What a failed command says, and with which code the process ends. */
import { CommanderError } from "@commander-js/extra-typings";
import { RunError, UsageError } from "../lib/error.ts";
import { interruptCode } from "./interrupt.ts";

/** Exit codes besides 0. */
export const EXIT = {
  /** The run could not go on. */
  run: 1,
  /** The command line cannot be used. */
  usage: 2,
  /** A study went on to its end, but some of its samples could not be answered. */
  partial: 3,
  /** A comparison that was asked to fail when scores fall found that they fell. */
  regression: 4,
  /** A defect of this program (`EX_SOFTWARE`). */
  defect: 70,
  /** A study was asked to stop, and can go on: schedulers put such a job back into their queue (`EX_TEMPFAIL`). */
  interrupted: 75,
  /** The reader of stdout went away (128 + SIGPIPE). */
  pipe: 141,
} as const;

/** An end that is neither success nor one of the errors of `lib/error.ts`. */
export class EarlyEnd extends Error {
  override readonly name: string = "EarlyEnd";

  constructor(readonly code: number, message: string) {
    super(message);
  }
}

export interface Failure {
  readonly code: number;
  /** For stderr; empty when there is nothing to say. */
  readonly message: string;
}

/** People's mistakes and the world's become one line; defects keep their stack. */
export function describeFailure(error: unknown): Failure {
  if (error instanceof CommanderError) {
    // Help and version end this way too; their text is already out.
    return error.exitCode === 0 ? { code: 0, message: "" } : { code: EXIT.usage, message: usageMessage(error.message) };
  }
  if (error instanceof EarlyEnd) return { code: error.code, message: oneLine(error.message) };
  if (error instanceof UsageError) return { code: EXIT.usage, message: oneLine(error.message) };
  if (error instanceof RunError) return { code: EXIT.run, message: oneLine(error.message) };
  if (error instanceof Deno.errors.BrokenPipe) return { code: EXIT.pipe, message: "" };
  if (error instanceof DOMException && error.name === "AbortError") {
    return { code: interruptCode() ?? EXIT.run, message: "Stopped" };
  }
  if (error instanceof Deno.errors.NotCapable) {
    return { code: EXIT.run, message: `Cannot go on: ${oneLine(error.message)}` };
  }
  // What the system refuses (a file of another user, a broken disk) ends with its number and the call.
  if (error instanceof Error && /\(os error \d+\)/.test(error.message)) {
    return { code: EXIT.run, message: `Cannot go on: ${oneLine(error.message)}` };
  }
  const stack = error instanceof Error ? error.stack ?? error.message : String(error);
  return { code: EXIT.defect, message: `This is a defect of rocketkv, please report it:\n${stack}` };
}

/** `error: unknown option '--x'\n(Did you mean --y?)` in the house style. */
function usageMessage(text: string): string {
  const [, problem, suggestion] = text.match(/^(?:error: )?([^]*?)\.?(?:\n\(Did you mean (?:one of )?(.+?)\?\))?$/)!;
  return `Cannot read the command line: ${oneLine(problem!)}${suggestion ? `: did you mean ${suggestion}?` : ""}`;
}

function oneLine(text: string): string {
  return text.trim().replaceAll(/\s*\n\s*/g, " ");
}
