/** Where the time goes: per decoded token by stage, and before the first token. */
import type { Board } from "../boards.ts";
import type { Row } from "../tables/csv.ts";
import { paceOf } from "../spend.ts";
import { type Chart, SERIES, styled } from "./theme.ts";

const DECODE = ["select", "attend", "linear", "rest"] as const, BEFORE = ["prefill", "compress"] as const;

/** Null where no times were written down. */
export function stagesChart(board: Board): Chart | null {
  const rows = board.arms.flatMap(({ arm, cells }): Row[] => {
    const pace = paceOf(cells);
    if (pace === null || pace.tokensPerSecond === null) return [];
    const { selectMs, attendMs, linearMs, decodeMs, prefillMs, compressMs } = pace;
    const tokens = pace.tokensPerSecond * decodeMs / 1000;
    const rest = Math.max(0, decodeMs - selectMs - attendMs - linearMs);
    const times = { select: selectMs, attend: attendMs, linear: linearMs, rest };
    return [
      ...DECODE.map((stage, order) => ({ arm: arm.label, part: "decode", stage, order, ms: times[stage] / tokens })),
      { arm: arm.label, part: "before", stage: "prefill", order: 0, ms: prefillMs },
      { arm: arm.label, part: "before", stage: "compress", order: 1, ms: compressMs },
    ];
  });
  if (rows.length === 0) return null;
  const arms = [...new Set(rows.map(({ arm }) => arm))];
  const panel = (
    part: string,
    title: string,
    stages: readonly string[],
    colours: readonly string[],
    labels: boolean,
  ) => ({
    width: 270,
    height: { step: 20 },
    data: { values: rows.filter((row) => row["part"] === part) },
    mark: { type: "bar", height: { band: 0.72 } },
    encoding: {
      y: {
        field: "arm",
        type: "nominal",
        sort: arms,
        title: null,
        axis: { labels, ticks: false, domain: false, labelLimit: 220 },
      },
      x: { field: "ms", type: "quantitative", title, axis: { grid: true, tickCount: 5 } },
      color: {
        field: "stage",
        type: "nominal",
        title: null,
        scale: { domain: stages, range: colours },
        legend: { orient: "top" },
      },
      order: { field: "order" },
    },
  });
  return {
    name: "time_by_stage",
    title: "Where the time goes",
    caption: "Means over answers. Arms decode together and share a prefill; what is shared is divided among them.",
    spec: styled({
      hconcat: [
        panel("decode", "ms per decoded token", DECODE, [SERIES[0], SERIES[1], SERIES[5], SERIES[7]], true),
        panel("before", "ms before the first token", BEFORE, [SERIES[2], SERIES[3]], false),
      ],
      resolve: { scale: { color: "independent" } },
    }),
    rows,
  };
}
