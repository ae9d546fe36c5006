/** Programs that fetch packages: they know where packages are. */
import { RunError } from "../error.ts";

/** Runs the program with arguments. */
export type RunTool = (args: readonly string[], signal?: AbortSignal) => Promise<{ code: number; stderr: string }>;

/** @param advice  What to do where it is not installed: the `RunError` that it throws then ends with it. */
export function packageTool(program: string, advice: string): RunTool {
  return async (args, signal) => {
    try {
      const command = new Deno.Command(program, {
        args: [...args],
        stdin: "null",
        stdout: "null",
        stderr: "piped",
        ...(signal ? { signal } : {}),
      });
      const { code, stderr } = await command.output();
      return { code, stderr: new TextDecoder().decode(stderr) };
    } catch (error) {
      // Programs that the launcher does not find it does not grant either.
      if (!(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotCapable)) throw error;
      throw new RunError(`Cannot run ${program}: it is not installed: ${advice}`);
    }
  };
}

/** What a tool says last before it fails. */
export function lastWords(program: string, { code, stderr }: { code: number; stderr: string }): string {
  return stderr.trim().split("\n").at(-1) || `${program} ended with code ${code}`;
}
