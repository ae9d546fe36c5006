/** Figures as cells of tables. */
import { formatBytes, threeDigits } from "../../format.ts";
import type { BoardArm } from "../boards.ts";
import { isOutOfMemory } from "../tables/cell_rows.ts";
import { type Delta, deltaToFull, type Score, scoreOf } from "../score.ts";
import type { StudyCell } from "../study.ts";
import { formatP, inPoints, intervalText, signed } from "../verdicts.ts";
import { type Html, markup } from "./html.ts";
import type { Field } from "./table.ts";

export const NONE: Field = { show: "–", value: null };

export const PARTIAL: Html = markup` <span class="badge">PARTIAL</span>`;

/** `98.7 [95.1, 99.9]`, `98.7 [?]`, or why there is none. */
export function scoreField(cells: readonly StudyCell[]): Field {
  const score = scoreOf(cells);
  if (score !== null) return { show: scoreText(score), value: score.value };
  const oom = cells.some(({ failures }) => failures.some(isOutOfMemory));
  return oom ? { show: markup`<span class="badge">OOM</span>`, value: null } : NONE;
}

export function scoreText({ value, interval }: Score): Html {
  return markup`${inPoints(value)} <span class="ci">${intervalText(interval, inPoints)}</span>`;
}

/** `−12.0 [−15.1, −9.2]`: coloured where it is no chance. */
export function deltaField(delta: Delta | null): Field {
  if (delta === null) return NONE;
  const { value, interval, p } = delta;
  return {
    show: markup`${signed(value)} <span class="ci">${intervalText(interval, signed)}</span>`,
    value,
    tone: p >= 0.05 || value === 0 ? null : value < 0 ? "bad" : "good",
  };
}

export function deltaToFullField(cells: readonly StudyCell[]): Field {
  return deltaField(deltaToFull(cells));
}

export function pField(delta: Delta | null): Field {
  return delta === null ? NONE : { show: formatP(delta.p).replace("p = ", "").replace("p ", ""), value: delta.p };
}

/** Samples that it did better, as well and worse on. */
export function tallyField(delta: Delta | null): Field {
  return delta === null
    ? NONE
    : { show: `${delta.wins} / ${delta.ties} / ${delta.losses}`, value: delta.wins - delta.losses };
}

export function ratioField(ratio: number | null): Field {
  return ratio === null ? NONE : { show: `${threeDigits(ratio)}×`, value: ratio };
}

export function bytesField(bytes: number | null): Field {
  return bytes === null ? NONE : { show: formatBytes(Math.round(bytes)), value: bytes };
}

export function numberField(value: number | null | undefined): Field {
  return value === null || value === undefined ? NONE : { show: threeDigits(value), value };
}

export function armField({ arm, complete }: BoardArm): Field {
  return { show: [arm.label, complete ? null : PARTIAL] };
}
