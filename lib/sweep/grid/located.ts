/** Data that people wrote as YAML, JSON or TOML, with the line that each value stands on. */
import { UsageError } from "../../error.ts";

/** Names of fields and places in lists, outermost first. */
export type Path = readonly (string | number)[];

export interface Located {
  /** Of the file, for messages. */
  readonly file: string;
  readonly data: unknown;
  /** Of the innermost part of the path that is there, counted from 1. */
  lineOf(path: Path): number;
}

/**
 * @param file  Its ending says what it is: `.toml`, or else YAML, of which JSON is a part.
 * @throws {UsageError} with file and line for a text that is neither.
 */
export async function parseLocated(file: string, text: string): Promise<Located> {
  return file.endsWith(".toml") ? await parseToml(file, text) : await parseYaml(file, text);
}

async function parseYaml(file: string, text: string): Promise<Located> {
  const { LineCounter, parseDocument } = await import("yaml");
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [error] = document.errors;
  if (error) {
    throw new UsageError(`Cannot read ${file}, line ${lines.linePos(error.pos[0]).line}: ${oneLine(error.message)}`);
  }
  return {
    file,
    data: document.toJS(),
    lineOf(path) {
      for (let depth = path.length; depth > 0; depth--) {
        const node = document.getIn(path.slice(0, depth), true) as { range?: [number, number, number] } | undefined;
        if (node?.range) return lines.linePos(node.range[0]).line;
      }
      return 1;
    },
  };
}

async function parseToml(file: string, text: string): Promise<Located> {
  const { parse, TomlError } = await import("smol-toml");
  try {
    return { file, data: parse(text), lineOf: (path) => tomlLine(text.split("\n"), path) };
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [what] = error.message.split("\n");
    throw new UsageError(`Cannot read ${file}, line ${error.line}: ${what!.replace(/^Invalid TOML document: /, "")}`);
  }
}

/** The parser forgets where values were, so names are looked for one behind the other. */
function tomlLine(lines: readonly string[], path: Path): number {
  let line = 0;
  for (const [depth, name] of path.entries()) {
    if (typeof name === "number") continue;
    const next = path[depth + 1];
    const tables = linesWith(lines, new RegExp(`^\\s*\\[\\[\\s*"?${escape(name)}"?\\s*\\]\\]`));
    const table = typeof next === "number" ? tables[next] : undefined;
    const plain = linesWith(
      lines,
      new RegExp(`^\\s*(\\[.*)?"?${escape(name)}"?\\s*[=\\]]|[{,]\\s*"?${escape(name)}"?\\s*=`),
    );
    line = table ?? plain.find((found) => found >= line) ?? line;
  }
  return line + 1;
}

function linesWith(lines: readonly string[], pattern: RegExp): number[] {
  return lines.flatMap((text, i) => pattern.test(text) ? [i] : []);
}

function escape(name: string): string {
  return name.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

function oneLine(text: string): string {
  return text.trim().replaceAll(/\s*\n\s*/g, " ");
}
