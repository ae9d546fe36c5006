/** Needles found by length and depth, one small multiple per arm, and what that is less than with the full cache. */
import { heatMaps } from "../../chart/heat_map.ts";
import { mean } from "../../statistics.ts";
import { type Board, type BoardArm, narrow } from "../boards.ts";
import { lengthCount } from "../identity.ts";
import { type Difference, differences } from "../score.ts";
import type { StudyCell } from "../study.ts";
import { type Chart, INK, styled } from "./theme.ts";

interface Place {
  readonly panel: string;
  readonly x: number;
  readonly y: number;
  readonly value: number;
  readonly n: number;
}

/** Empty for tasks without depths. */
export function needleCharts(everything: Board): Chart[] {
  const board = withNeedles(everything);
  const x = lengthTitle(board);
  const map = scoreMap(board, false);
  if (map === null) return [];
  const lost = board.arms.filter(({ arm }) => arm !== board.full?.arm).flatMap((arm) =>
    placesOf(arm, againstFull, ({ value }) => value, ({ id }, cell) => at(cell.observations.get(id)!))
  );
  return [
    map,
    ...(lost.length === 0 ? [] : [{
      name: "needles_difference",
      title: "Needles lost by length and depth",
      caption: "Paired difference from the full cache: orange places are lost, blue ones won.",
      spec: withLook(heatMaps(lost, { title: "", x, y: DEPTH, value: "difference", signed: true })),
      rows: rowsOf(lost),
    }]),
  ];
}

/** The scores of a board with few arms, written into the map; null for tasks without depths. */
export function needleMap(everything: Board): Chart | null {
  return scoreMap(withNeedles(everything), true);
}

function scoreMap(board: Board, labels: boolean): Chart | null {
  const found = board.arms.flatMap((arm) =>
    placesOf(arm, (cell) => cell.observations.values(), ({ score }) => score, at)
  );
  return found.length === 0 ? null : {
    name: "needles",
    title: "Needles found by length and depth",
    caption: "Mean score of the needles at each place; all panels on one scale.",
    spec: withLook(heatMaps(found, { title: "", x: lengthTitle(board), y: DEPTH, value: "score", labels })),
    rows: rowsOf(found),
  };
}

const DEPTH = "depth, %";

function lengthTitle({ arms }: Board): string {
  return arms[0]?.cells[0]?.config.length?.endsWith("w") ? "length, words" : "length, tokens";
}

/** Places where another key than the one asked for is hidden have no needle to find. */
function withNeedles(board: Board): Board {
  return narrow(board, ({ config }) => config.task.options.arm !== "wrong-key");
}

const at = ({ prediction }: { readonly prediction: { readonly depth: number | null } }) => prediction.depth;

function againstFull(cell: StudyCell): readonly Difference[] {
  return cell.full === null ? [] : differences(cell, cell.full);
}

/** Means of one arm at each length and depth. */
function placesOf<T>(
  { arm, cells }: BoardArm,
  items: (cell: StudyCell) => Iterable<T>,
  value: (item: T) => number,
  depth: (item: T, cell: StudyCell) => number | null,
): Place[] {
  const places = cells.flatMap((cell) =>
    [...items(cell)].flatMap((item) => {
      const y = depth(item, cell), x = lengthCount(cell.config.length);
      return y === null || Number.isNaN(x) ? [] : [{ x, y, value: value(item) }];
    })
  );
  return [...Map.groupBy(places, ({ x, y }) => `${x} ${y}`).values()].map((own) => ({
    panel: arm.label,
    x: own[0]!.x,
    y: own[0]!.y,
    value: mean(own.map((place) => place.value)),
    n: own.length,
  }));
}

function rowsOf(places: readonly Place[]): Chart["rows"] {
  return places.map(({ panel, x, y, value, n }) => ({ arm: panel, length: x, depth: y, value, n }));
}

/** A shared specification in the look of reports. */
function withLook(spec: object): Chart["spec"] {
  const { title: _, ...rest } = spec as { title?: unknown; config?: object };
  return styled({ ...rest, config: { ...rest.config, view: { stroke: INK.grid } } });
}
