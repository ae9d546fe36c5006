/** Needles found so far, as maps in the terminal while a study runs. */
import { armOf } from "../../lib/report/identity.ts";
import type { Cell } from "../../lib/sweep/grid/cell.ts";
import type { Prediction } from "../../lib/sweep/folder/prediction.ts";
import { LiveHeatMap, type Screen, STDERR } from "./heat_map.ts";

/** What needles are asked for: axes that nobody names have one value. */
export interface NeedleAxes {
  /** As cells name them: `4096`, `2048w`. */
  readonly lengths: readonly string[];
  /** In percent. */
  readonly depths: readonly number[];
  readonly model?: readonly string[] | undefined;
  readonly moment?: readonly string[] | undefined;
  readonly kvType?: readonly string[] | undefined;
}

export class LiveNeedles {
  readonly #axes: NeedleAxes;
  readonly #map: LiveHeatMap;

  constructor(axes: NeedleAxes, screen: Screen = STDERR) {
    this.#axes = axes;
    this.#map = new LiveHeatMap(axes.lengths, axes.depths.map(percent), screen);
  }

  /** Answers of other arms than those with a needle, and ones that there are none of, are not shown. */
  readonly add = ({ config }: Cell, { depth, scores }: Prediction): void => {
    if (config.task.options.arm !== "needle" || depth === null || scores === null || config.length === null) return;
    const several = (["model", "moment", "kvType"] as const).filter((axis) => (this.#axes[axis]?.length ?? 1) > 1);
    const label = [armOf(config).label, ...several.map((axis) => config[axis])].join(" ");
    this.#map.add(label, config.length, percent(depth), scores.score);
  };
}

function percent(depth: number): string {
  return `${depth}%`;
}
