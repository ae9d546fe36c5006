/** Where and from what a table was made. */
import { plural } from "../../cli/ui/format.ts";

export interface Origin {
  readonly command: string;
  /** Of the repository; `+` behind it where files differed from it. */
  readonly commit: string;
  readonly machine: string;
}

/** @param script  The one that is running, from the root of the repository. */
export async function originOf(script: string, threads: number): Promise<Origin> {
  const cpu = /^model name\s*:\s*(.*)$/m.exec(await Deno.readTextFile("/proc/cpuinfo"))?.[1] ?? "unknown CPU";
  const changed = await git("status", "--porcelain", "--untracked-files=no");
  return {
    command: [".tools/bin/deno run -A", script, ...Deno.args].join(" "),
    commit: await git("rev-parse", "--short=12", "HEAD") + (changed === "" ? "" : "+"),
    machine: `${cpu}, ${plural(threads, "thread")}`,
  };
}

async function git(...args: string[]): Promise<string> {
  const cwd = new URL("../../", import.meta.url).pathname;
  const { stdout } = await new Deno.Command("git", { args, cwd, stderr: "inherit" }).output();
  return new TextDecoder().decode(stdout).trim();
}
