/** The two kinds of failure that people see as one line: everything else is a defect and keeps its stack. */

/** A run that cannot go on: a bad file, a full disk, a prompt that is too long. Exit code 1. */
export class RunError extends Error {
  override readonly name: string = "RunError";
}

/** A run that can go on with nothing else either: the server that answers is gone. Exit code 1. */
export class DeadEnd extends RunError {
  override readonly name: string = "DeadEnd";
}

/** A command line that cannot be used: unknown names, impossible numbers. Exit code 2. */
export class UsageError extends Error {
  override readonly name: string = "UsageError";
}
