import { RunError, UsageError } from "../error.ts";
import type { Pattern } from "./pattern.ts";

/** Patterns of query heads, as MInference's search finds them. */
export interface PatternTable {
  /** Where they come from, for messages. */
  readonly path: string;
  /** [n_layers]: patterns by query head; heads may be missing. */
  readonly layers: readonly ReadonlyMap<number, Pattern>[];
}

/** Words of the file, and what they are here. A block pattern always takes 100 blocks, whatever the file says. */
const KINDS: Readonly<Record<string, (first: number, second: number) => Pattern>> = {
  stream_llm: (first, second) => ({ kind: "a_shape", first, second }),
  vertical_and_slash: (first, second) => ({ kind: "vertical_slash", first, second }),
  block_sparse: () => ({ kind: "block", first: BLOCKS, second: 0 }),
};

/** Blocks of 64 keys that MInference's block-sparse heads take for every 64 queries. */
const BLOCKS = 100;

/**
 * MInference's JSON: a list with an object per layer, from the number of a query head to [kind, first, second, score].
 *
 * @throws {RunError}
 */
export function parsePatterns(text: string, path: string): PatternTable {
  const complain = (where: string, wanted: string, found: unknown) =>
    new RunError(`Cannot read the patterns ${path}: ${where}expected ${wanted}, found ${JSON.stringify(found)}`);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new RunError(`Cannot read the patterns ${path}: expected JSON: ${(error as Error).message}`);
  }
  if (!Array.isArray(json) || json.length === 0) throw complain("", "a list with an object per layer", json);
  const layers = json.map((entry: unknown, layer) => {
    if (entry === null || typeof entry !== "object" || Array.isArray(entry)) {
      throw complain(`layer ${layer}: `, "an object from heads to patterns", entry);
    }
    return new Map(
      Object.entries(entry).map(([head, value]) => {
        const where = `layer ${layer}, head ${head}: `;
        if (!/^\d+$/.test(head)) throw complain(where, "the number of a query head", head);
        const [kind, first, second] = Array.isArray(value) ? value : [];
        if (!Object.hasOwn(KINDS, String(kind))) {
          throw complain(where, `${Object.keys(KINDS).join(", ")}`, kind ?? value);
        }
        for (const size of [first, second]) {
          if (!Number.isSafeInteger(size) || size < 0) throw complain(where, "two whole numbers after the kind", value);
        }
        return [Number(head), KINDS[String(kind)]!(first, second)];
      }),
    );
  });
  return { path, layers };
}

/** @throws {UsageError} for patterns of a model with other layers or heads. */
export function checkPatterns(
  { path, layers }: PatternTable,
  { nLayers, nHeads }: { readonly nLayers: number; readonly nHeads: number },
): void {
  const complain = (wanted: string, found: string) =>
    new UsageError(`Cannot use the patterns ${path}: expected ${wanted}, found ${found}`);
  if (layers.length !== nLayers) throw complain(`${nLayers} layers`, `${layers.length}`);
  layers.forEach((heads, layer) => {
    const beyond = [...heads.keys()].find((head) => head >= nHeads);
    if (beyond !== undefined) throw complain(`${nHeads} query heads`, `head ${beyond} in layer ${layer}`);
  });
}
