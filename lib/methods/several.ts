import type { Method } from "./method.ts";

/** What any of several methods knows: a setting that is given to all of them must be known to one. */
export function severalMethods(chosen: readonly Method[]): Pick<Method, "name" | "parameters" | "files"> {
  const parameters = new Map(chosen.flatMap((method) => method.parameters).map((p) => [p.name, p]));
  return {
    name: chosen.map(({ name }) => name).join(", "),
    parameters: [...parameters.values()],
    files: [...new Set(chosen.flatMap(({ files = [] }) => files))],
  };
}
