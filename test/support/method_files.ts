/** What methods read besides the model, made up for a shape: needed wherever all methods are run. */
import type { MethodFiles } from "../../lib/methods/method_files.ts";

/** Gates in which every layer has other favourites, and a pattern for every query head but the first. */
export function methodFiles(shape: { nLayers: number; nKvHeads: number; group: number }): Required<MethodFiles> {
  const { nLayers, nKvHeads, group } = shape;
  const layers = Array.from({ length: nLayers }, (_, layer) => layer);
  const kvHeads = Array.from({ length: nKvHeads }, (_, head) => head);
  const gates = layers.map((layer) => kvHeads.map((head) => ((7 * layer + 3 * head) % 11) / 10));
  const heads = Array.from({ length: nKvHeads * group }, (_, head) => head);
  const pattern = { kind: "vertical_slash", first: 30, second: 50 } as const;
  return {
    gates: { path: "heads.tsv", gates },
    patterns: {
      path: "patterns.json",
      layers: layers.map(() => new Map(heads.slice(1).map((head) => [head, pattern]))),
    },
  };
}
