/** What a score costs: bytes read, bytes stored, and speed. */
import type { Board } from "../boards.ts";
import { points } from "../tables/cell_rows.ts";
import type { Row } from "../tables/csv.ts";
import { scoreOf } from "../score.ts";
import { paceOf, spendOf } from "../spend.ts";
import { mean } from "../../statistics.ts";
import { type Chart, INK, SCORE_AXIS, seriesEncoding, styled } from "./theme.ts";

const MIB = 2 ** 20;

/** Null where nothing was measured. */
export function paretoChart(board: Board): Chart | null {
  const rows = board.arms.flatMap(({ arm, cells }): Row[] => {
    const score = scoreOf(cells), spends = cells.map(spendOf);
    if (score === null || spends.includes(null)) return [];
    return [{
      series: arm.series,
      arm: arm.label,
      score: points(score.value),
      readMib: mean(spends.map((spend) => spend!.readBytesPerStep)) / MIB,
      storedMib: mean(spends.map((spend) => spend!.storedBytes + spend!.auxBytes)) / MIB,
      tokensPerSecond: paceOf(cells)?.tokensPerSecond ?? null,
    }];
  });
  if (rows.length < 2) return null;
  const series = [...new Set(rows.map((row) => String(row["series"])))];
  const panel = (field: string, title: string, better: "less" | "more", log: boolean) => {
    const own = rows.filter((row) => row[field] !== null);
    const { color, shape } = seriesEncoding(series);
    const x = {
      field,
      type: "quantitative",
      title,
      scale: { nice: false, padding: 12, ...(log ? { type: "log", base: 2 } : { zero: false }) },
      axis: { grid: false, format: ".3~r", tickCount: 5 },
    };
    const y = { ...SCORE_AXIS, field: "score" };
    return {
      width: 230,
      height: 230,
      layer: [
        {
          data: { values: front(own, field, better) },
          mark: { type: "line", interpolate: better === "less" ? "step-after" : "step-before", color: INK.line },
          encoding: { x, y },
        },
        { data: { values: own }, mark: "point", encoding: { x, y, color, shape } },
      ],
    };
  };
  const timed = rows.some((row) => row["tokensPerSecond"] !== null);
  return {
    name: "score_by_cost",
    title: "What a score costs",
    caption: "Mean over tasks and lengths. The grey line joins the arms that no other beats in both.",
    spec: styled({
      hconcat: [
        panel("readMib", "MiB read per decode step", "less", true),
        panel("storedMib", "MiB stored", "less", true),
        ...(timed ? [panel("tokensPerSecond", "tokens/s while decoding", "more", false)] : []),
      ],
      resolve: { scale: { color: "shared", shape: "shared" } },
    }),
    rows,
  };
}

/** Arms that nobody beats: from the cheapest on, each better than all before. */
function front(rows: readonly Row[], field: string, better: "less" | "more"): Row[] {
  const cost = (row: Row) => Number(row[field]) * (better === "less" ? 1 : -1);
  const best: Row[] = [];
  for (const row of rows.toSorted((a, b) => cost(a) - cost(b) || Number(b["score"]) - Number(a["score"]))) {
    if (best.length === 0 || Number(row["score"]) > Number(best.at(-1)!["score"])) best.push(row);
  }
  return best;
}
