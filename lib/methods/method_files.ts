/** `--method-file kind=path`: what methods were trained or searched for, apart from any model file. */

import { RunError, UsageError } from "../error.ts";
import { nearest } from "../nearest.ts";
import { type Gates, parseGates } from "./gates_file.ts";
import type { Method } from "./method.ts";
import { parsePatterns, type PatternTable } from "./patterns_file.ts";

/** Contents of the files that methods read. */
export interface MethodFiles {
  /** How much each KV head retrieves from far away: DuoAttention. */
  readonly gates?: Gates;
  /** What each query head attends to in prefill: MInference. */
  readonly patterns?: PatternTable;
}

export type MethodFileKind = keyof MethodFiles;

const PARSERS: { readonly [K in MethodFileKind]: (text: string, path: string) => Required<MethodFiles>[K] } = {
  gates: parseGates,
  patterns: parsePatterns,
};

/**
 * Read the files of `kind=path` texts.
 *
 * @throws {UsageError} for a malformed text, or a kind that is given twice or that the method does not read.
 * @throws {RunError} for a file that is missing or not what it should be; the message says where.
 */
export async function readMethodFiles(
  method: Pick<Method, "name" | "files">,
  texts: readonly string[],
): Promise<MethodFiles> {
  const files: Record<string, unknown> = {};
  for (const text of texts) {
    const [, kind, path] = /^([a-z]+)=(.+)$/.exec(text) ?? [];
    if (kind === undefined || path === undefined) {
      throw new UsageError(`Cannot use --method-file "${text}": it must be kind=path, such as gates=heads.tsv`);
    }
    if (Object.hasOwn(files, kind)) throw new UsageError(`Cannot use --method-file "${text}": ${kind} is given twice`);
    const known = (method.files ?? []).find((name) => name === kind);
    if (known === undefined) throw new UsageError(`Cannot use --method-file ${kind}: ${whatIsRead(method, kind)}`);
    files[kind] = PARSERS[known](await readText(known, path), path);
  }
  return files;
}

function whatIsRead({ name, files = [] }: Pick<Method, "name" | "files">, kind: string): string {
  if (files.length === 0) return `${name} reads no files`;
  const close = nearest(kind, files);
  return `${close === null ? "" : `did you mean ${close}? `}${name} reads ${files.join(" and ")}`;
}

async function readText(kind: MethodFileKind, path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw new RunError(`Cannot read the ${kind}: no file ${path}`);
    throw new RunError(`Cannot read the ${kind} ${path}: ${(error as Error).message}`);
  }
}
