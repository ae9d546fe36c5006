/** What a board says, in plain words: the first lines of a report. */
import { formatCount, plural, threeDigits } from "../format.ts";
import { mean } from "../statistics.ts";
import type { Interval } from "../statistics/intervals.ts";
import type { Board, BoardArm } from "./boards.ts";
import { type Duel, duelsOf } from "./duels.ts";
import { protagonists } from "./tables/pair_rows.ts";
import { type Delta, deltaToFull, ENOUGH_CONTEXTS, scoreOf } from "./score.ts";
import { meanScore } from "./tables/cell_rows.ts";

/** How a line is to be taken: nothing lost, something lost, or not to be told. */
export type Tone = "good" | "bad" | "open";

export interface VerdictLine {
  readonly tone: Tone;
  readonly text: string;
}

export interface Verdict {
  readonly arm: BoardArm;
  readonly headline: VerdictLine;
  /** Against each other method at equal measured bytes. */
  readonly rivals: readonly VerdictLine[];
}

/** Differences with a greater probability under chance are not seen. */
const SURE = 0.05;
/** Of the full cache's score: a budget that keeps it is worth naming before one that is smaller. */
const WORTH_KEEPING = 0.97;
/** A loss of five points. */
const WORTH_KNOWING = 0.05;

/** Null where there is nothing to compare. */
export function verdictOf(board: Board): Verdict | null {
  const arm = chosen(board);
  if (arm === null) return null;
  const headline = headlineOf(board, arm);
  return headline && { arm, headline, rivals: duelsOf(board, arm).toSorted(byDelta).map(duelLine) };
}

/** The smallest budget that keeps nearly all of the full cache's score, or else the one with the best score. */
function chosen(board: Board): BoardArm | null {
  const full = board.full === null ? null : scoreOf(board.full.cells);
  const own = protagonists(board).flatMap((arm) => {
    const score = scoreOf(arm.cells);
    return score === null ? [] : [{ arm, value: score.value }];
  });
  const finished = own.filter(({ arm }) => arm.complete), candidates = finished.length > 0 ? finished : own;
  const keeping = candidates.filter(({ value }) => full !== null && value >= WORTH_KEEPING * full.value);
  const best = keeping.length > 0
    ? keeping.toSorted((a, b) => (b.arm.ratio ?? 0) - (a.arm.ratio ?? 0))
    : candidates.toSorted((a, b) => b.value - a.value);
  return best[0]?.arm ?? null;
}

function headlineOf({ full, benchmark }: Board, { arm, cells, ratio }: BoardArm): VerdictLine | null {
  const score = scoreOf(cells), fullScore = full === null ? null : scoreOf(full.cells);
  if (score === null) return null;
  const name = arm.budget === null ? arm.series : `${arm.series} at ${budgetWords(arm.budget)}`;
  const saving = ratio === null ? "" : ` at ${threeDigits(ratio)}× fewer bytes read`;
  if (benchmark === "fidelity") return fidelityLine(name, saving, score.value, cells);
  if (fullScore === null) {
    return { tone: "open", text: `${name} scores ${inPoints(score.value)}${saving}; the full cache was not run.` };
  }
  if (fullScore.value === 0) {
    return { tone: "open", text: `The full cache itself scores 0 here: nothing can be lost, and nothing is told.` };
  }
  const delta = deltaToFull(cells);
  const kept = `${(100 * score.value / fullScore.value).toFixed(1)} % of the full cache's score`;
  const scores = `${inPoints(score.value)} of ${inPoints(fullScore.value)} points`;
  return {
    tone: delta === null
      ? "open"
      : delta.p >= SURE
      ? (isWide(delta) ? "open" : "good")
      : delta.value < 0
      ? "bad"
      : "good",
    text: `${name} keeps ${kept}${saving} (${scores}${delta === null ? "" : sureness(delta)}).`,
  };
}

/** Agreement with the full cache is no sample of anything: it is there, or it is lost. */
function fidelityLine(name: string, saving: string, agreement: number, cells: BoardArm["cells"]): VerdictLine {
  const kl = cells.flatMap((cell) => meanScore(cell, "kl") ?? []);
  const far = kl.length === 0 ? "" : ` (mean KL ${threeDigits(mean(kl))} nats)`;
  return {
    tone: agreement >= WORTH_KEEPING ? "good" : "bad",
    text: `${name} prefers the full cache's token in ${inPoints(agreement)} % of steps${saving}${far}.`,
  };
}

function sureness(delta: Delta): string {
  if (delta.p < SURE) return `, ${formatP(delta.p)}`;
  if (delta.wins + delta.losses === 0) return `; none of ${plural(delta.n, "answer")} differs`;
  if (delta.groups < ENOUGH_CONTEXTS) return `; too few contexts to tell it from chance: ${delta.groups}`;
  if (isWide(delta)) return `; too few samples to tell it from chance, ${formatP(delta.p)}`;
  return `; the difference is within chance, ${formatP(delta.p)}`;
}

/** Whether as much may have been lost as would be worth knowing. */
function isWide({ interval }: Delta): boolean {
  return interval === null || interval[0] < -WORTH_KNOWING;
}

function duelLine({ ours, series, read, theirRead, nearest, delta, cells }: Duel): VerdictLine {
  const where = cells < ours.cells.length ? ` (PARTIAL: on ${cells} of ${ours.cells.length} cells)` : "";
  const factor = (theirRead / read).toPrecision(2);
  const bytes = !nearest
    ? "at equal bytes"
    : factor === "1.0"
    ? "at nearly equal bytes"
    : `reading ${factor}× the bytes`;
  if (delta.p >= SURE) {
    const points = `${signed(-delta.value)} points`;
    if (delta.groups < ENOUGH_CONTEXTS && delta.value !== 0) {
      const few = `${plural(delta.groups, "context")} ${delta.groups === 1 ? "is" : "are"} too few`;
      return { tone: "open", text: `${series} ${bytes}${where}: ${points}; ${few} to tell them from chance.` };
    }
    return {
      tone: "open",
      text: `${series} ${bytes}${where}: no difference can be told (${points}, ${formatP(delta.p)}).`,
    };
  }
  const verb = delta.value > 0 ? "loses" : "wins", points = inPoints(Math.abs(delta.value));
  return {
    tone: delta.value > 0 ? "bad" : "good",
    text: `${series} ${bytes}${where} ${verb} ${points} points (${formatP(delta.p)}).`,
  };
}

function byDelta(a: Duel, b: Duel): number {
  return a.delta.value - b.delta.value;
}

/** `256 tokens`, `16x`. */
export function budgetWords(budget: string): string {
  return /^\d+$/.test(budget) ? `${formatCount(Number(budget))} ${budget === "1" ? "token" : "tokens"}` : budget;
}

/** `p = 0.031`, `p < 0.001` */
export function formatP(p: number): string {
  return p < 0.001 ? "p < 0.001" : `p = ${p < 0.0995 ? p.toPrecision(2) : p.toFixed(2)}`;
}

/** `98.7` of a share. */
export function inPoints(share: number): string {
  return (share * 100).toFixed(1);
}

/** `+1.2`, `−0.8` */
export function signed(share: number): string {
  const text = inPoints(Math.abs(share));
  return text === "0.0" ? text : `${share < 0 ? "−" : "+"}${text}`;
}

/** `+1.2 [−0.3, +2.7]` */
export function signedInterval({ value, interval }: Delta): string {
  return `${signed(value)} ${intervalText(interval, signed)}`;
}

/** `[−0.3, +2.7]`, or `[?]` where it is not known. */
export function intervalText(interval: Interval | null, show: (share: number) => string): string {
  return interval === null ? "[?]" : `[${interval.map(show).join(", ")}]`;
}
