/** Which cells a grid's rules keep. */
import type { CellConfig } from "./cell.ts";
import type { GridRule } from "./grid.ts";

/** Names of a rule's axes, and what of a cell they look at. */
export const RULE_AXES = {
  model: ({ model }: CellConfig) => model,
  method: ({ method }: CellConfig) => method,
  budget: ({ budget }: CellConfig) => budget,
  task: ({ task }: CellConfig) => task.name,
  length: ({ length }: CellConfig) => length,
  seed: ({ seed }: CellConfig) => seed,
  moment: ({ moment }: CellConfig) => moment,
  kvType: ({ kvType }: CellConfig) => kvType,
} satisfies Record<keyof GridRule, (config: CellConfig) => string | number | null>;

/** Whether a cell matches any rule of `include`, where there are some, and none of `exclude`. */
export function isKept(
  config: CellConfig,
  { include, exclude }: { readonly include: readonly GridRule[]; readonly exclude: readonly GridRule[] },
): boolean {
  const matches = (rule: GridRule) => matchesRule(config, rule);
  return (include.length === 0 || include.some(matches)) && !exclude.some(matches);
}

function matchesRule(config: CellConfig, rule: GridRule): boolean {
  return Object.entries(rule).every(([axis, wanted]: [string, readonly (string | number)[]]) => {
    const found = RULE_AXES[axis as keyof GridRule](config);
    return found !== null && wanted.some((one) => axis === "task" ? fits(String(one), String(found)) : one === found);
  });
}

/** `ruler/*` fits `ruler/vt`; `ruler` fits all of the benchmark. */
function fits(pattern: string, name: string): boolean {
  if (!pattern.includes("*")) return name === pattern || name.startsWith(`${pattern}/`);
  const letters = pattern.split("*").map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${letters.join(".*")}$`).test(name);
}
