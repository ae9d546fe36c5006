/** `rocketkv doctor`: what is installed, what is missing, what to do about it. */
import type { Command } from "@commander-js/extra-typings";
import { diagnose, type Finding } from "../../lib/engine/diagnosis.ts";
import { RunError } from "../../lib/error.ts";
import { writeJson, writeLine } from "../ui/output.ts";

export function declare(command: Command): void {
  command
    .option("--json", "print one record", false)
    .action(async ({ json }) => {
      const findings = await diagnose();
      if (json) writeJson({ healthy: findings.every(({ state }) => state !== "broken"), findings });
      else for (const finding of findings) writeLine(describe(finding));
      const broken = findings.filter(({ state }) => state === "broken").map(({ name }) => name);
      if (broken.length > 0) throw new RunError(`Cannot run models here: ${broken.join(", ")} must be repaired first`);
    });
}

const MARKS = { ok: "ok     ", note: "note   ", broken: "BROKEN " } as const;

function describe({ name, state, found, advice }: Finding): string {
  const line = `${MARKS[state]} ${name.padEnd(8)} ${found}`;
  return advice ? `${line}\n${" ".repeat(17)}${advice}` : line;
}
