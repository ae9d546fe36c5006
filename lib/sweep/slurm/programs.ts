/** Slurm's own programs. */
import { RunError } from "../../error.ts";

/** Runs one of them. @returns What it printed. @throws {RunError} in one line when it fails, or is not there. */
export type RunSlurm = (program: "sbatch" | "squeue", args: readonly string[]) => Promise<string>;

export async function runSlurm(...[program, args]: Parameters<RunSlurm>): Promise<string> {
  let output: Deno.CommandOutput;
  try {
    output = await new Deno.Command(program, { args: [...args], stdin: "null" }).output();
  } catch (error) {
    // Programs that the launcher does not find it does not grant either.
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotCapable) {
      throw new RunError(`Cannot run ${program}: expected Slurm's programs on PATH: --emit only writes the scripts`);
    }
    throw error;
  }
  const text = new TextDecoder();
  if (output.code === 0) return text.decode(output.stdout);
  const reason = text.decode(output.stderr).trim().split("\n").at(-1) || `code ${output.code}`;
  throw new RunError(`Cannot run ${program}: ${reason.replace(new RegExp(`^${program}: (error: )?`), "")}`);
}
