/** Every chart that a board has something to show in, in the order of a report. */
import type { Board } from "../boards.ts";
import { compressionChart } from "./compression.ts";
import { deltaMap } from "./delta_map.ts";
import { fidelityChart, stepsChart } from "./fidelity.ts";
import { goldChart, keptByLayerChart, keptChart } from "./kept.ts";
import { lengthChart } from "./length.ts";
import { needleCharts } from "./needles.ts";
import { paretoChart } from "./pareto.ts";
import { stagesChart } from "./stages.ts";
import type { Chart } from "./theme.ts";
import { turnsChart } from "./turns.ts";

export function chartsOf(board: Board): Chart[] {
  return [
    compressionChart(board),
    fidelityChart(board),
    stepsChart(board),
    lengthChart(board),
    deltaMap(board),
    ...needleCharts(board),
    turnsChart(board),
    paretoChart(board),
    goldChart(board),
    keptChart(board),
    keptByLayerChart(board),
    stagesChart(board),
  ].filter((chart) => chart !== null);
}
