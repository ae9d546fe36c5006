import assert from "node:assert/strict";
import { CommanderError } from "@commander-js/extra-typings";
import { describeFailure } from "../../cli/failure.ts";
import { RunError, UsageError } from "../../lib/error.ts";
import { NativeDefect, NativeError } from "../../lib/native/error.ts";

for (
  const [what, error, code, message] of [
    ["a usage error", new UsageError("Cannot use --x: y"), 2, "Cannot use --x: y"],
    ["a run error", new RunError("Cannot read a\n  file"), 1, "Cannot read a file"],
    [
      "a refusal of the library",
      new NativeError("MEMORY", "Cannot prefill: no memory"),
      1,
      "Cannot prefill: no memory",
    ],
    ["a closed stdout", new Deno.errors.BrokenPipe("pipe"), 141, ""],
    ["help that was printed", new CommanderError(0, "commander.helpDisplayed", "(outputHelp)"), 0, ""],
    [
      "an unknown option",
      new CommanderError(1, "commander.unknownOption", "error: unknown option '--bugdet'\n(Did you mean --budget?)"),
      2,
      "Cannot read the command line: unknown option '--bugdet': did you mean --budget?",
    ],
    [
      "an unknown command with two candidates",
      new CommanderError(
        1,
        "commander.unknownCommand",
        "error: unknown command 'pl'\n(Did you mean one of pull, plan?)",
      ),
      2,
      "Cannot read the command line: unknown command 'pl': did you mean pull, plan?",
    ],
    [
      "a file of another user",
      new Deno.errors.PermissionDenied("Permission denied (os error 13): open '/root/x'"),
      1,
      "Cannot go on: Permission denied (os error 13): open '/root/x'",
    ],
    ["work that was stopped by itself", new DOMException("x", "AbortError"), 1, "Stopped"],
  ] as const
) {
  Deno.test(`describeFailure() gives ${what} code ${code} and at most one line`, () => {
    assert.deepEqual(describeFailure(error), { code, message });
  });
}

for (const error of [new TypeError("x is undefined"), new NativeDefect("HANDLE", "Cannot decode: no such session")]) {
  Deno.test(`describeFailure() keeps the stack of a ${error.name}`, () => {
    const { code, message } = describeFailure(error);
    assert.equal(code, 70);
    assert.match(message, /defect/);
    assert(message.includes(error.message) && message.includes("cli_failure_test.ts"));
  });
}
