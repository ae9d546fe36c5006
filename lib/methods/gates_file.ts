import { RunError, UsageError } from "../error.ts";

/** Gates of KV heads, as DuoAttention trains them: from 0, local tokens are enough, to 1, the head retrieves. */
export interface Gates {
  /** Where they come from, for messages. */
  readonly path: string;
  /** [n_layers][n_kv_heads] */
  readonly gates: readonly (readonly number[])[];
}

/**
 * The `full_attention_heads.tsv` of DuoAttention: a line per layer, a number per KV head, blanks between them. Training
 * may leave numbers a little outside 0 to 1; they are clipped.
 *
 * @throws {RunError}
 */
export function parseGates(text: string, path: string): Gates {
  const complain = (wanted: string, found: string) =>
    new RunError(`Cannot read the gates ${path}: ${wanted}, found ${found}`);
  const lines = text.trimEnd().split("\n");
  const gates = lines.map((line, i) => {
    const fields = line.trim().split(/\s+/);
    return fields.map((field, j) => {
      const gate = field === "" ? NaN : Number(field);
      if (!Number.isFinite(gate)) throw complain(`line ${i + 1}, field ${j + 1}: expected a number`, `"${field}"`);
      return Math.min(1, Math.max(0, gate));
    });
  });
  const width = gates[0]!.length;
  gates.forEach((row, i) => {
    if (row.length !== width) throw complain(`line ${i + 1}: expected ${width} gates as in line 1`, `${row.length}`);
  });
  return { path, gates };
}

/** @throws {UsageError} for gates of a model with other layers or heads. */
export function checkGates(
  { path, gates }: Gates,
  shape: { readonly nLayers: number; readonly nKvHeads: number },
): void {
  if (gates.length === shape.nLayers && gates[0]!.length === shape.nKvHeads) return;
  throw new UsageError(
    `Cannot use the gates ${path}: expected ${shape.nLayers} lines of ${shape.nKvHeads} gates, ` +
      `found ${gates.length} of ${gates[0]!.length}`,
  );
}
