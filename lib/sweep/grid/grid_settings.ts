/** Settings and files that are given to all methods of a grid: each goes to the methods that know it. */
import { UsageError } from "../../error.ts";
import { findMethod } from "../../methods/registry.ts";
import { parseSettings } from "../../methods/settings.ts";
import { severalMethods } from "../../methods/several.ts";
import type { GridMethod } from "./grid.ts";

/**
 * @param texts  `name=value`; what a method has of its own is overridden.
 * @throws {UsageError} for settings that none of the methods knows, or numbers that they cannot have.
 */
export function withSettings(methods: readonly GridMethod[], texts: readonly string[]): GridMethod[] {
  const found = methods.map(({ name }) => findMethod(name));
  const settings = parseSettings(severalMethods(found), texts);
  return methods.map((method, i) => {
    const known = found[i]!.parameters.map(({ name }) => name);
    return { ...method, set: { ...method.set, ...pick(settings, known) } };
  });
}

/**
 * @param texts  `kind=path`.
 * @throws {UsageError} for a malformed text, or a kind that none of the methods reads.
 */
export function withFiles(methods: readonly GridMethod[], texts: readonly string[]): GridMethod[] {
  const paths = Object.fromEntries(texts.map((text) => {
    const [, kind, path] = /^([a-z]+)=(.+)$/.exec(text) ?? [];
    if (kind !== undefined && path !== undefined) return [kind, path];
    throw new UsageError(`Cannot use --method-file "${text}": it must be kind=path, such as gates=heads.tsv`);
  }));
  const found = methods.map(({ name }) => findMethod(name));
  const { files: known = [] } = severalMethods(found);
  for (const kind of Object.keys(paths)) {
    if (known.some((one) => one === kind)) continue;
    const wanted = known.length === 0 ? "none of the methods reads files" : `the methods read ${known.join(" and ")}`;
    throw new UsageError(`Cannot use --method-file ${kind}: ${wanted}`);
  }
  return methods.map((method, i) => ({ ...method, files: { ...method.files, ...pick(paths, found[i]!.files ?? []) } }));
}

function pick<T>(values: Readonly<Record<string, T>>, names: readonly string[]): Record<string, T> {
  return Object.fromEntries(Object.entries(values).filter(([name]) => names.includes(name)));
}
