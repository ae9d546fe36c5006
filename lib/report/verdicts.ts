/** What a board says, in plain words: the first lines of a report. */
import { formatCount, threeDigits } from "../format.ts";
import type { Board, BoardArm } from "./boards.ts";
import { type Duel, duelsOf } from "./duels.ts";
import { protagonists } from "./pair_rows.ts";
import { type Delta, deltaToFull, scoreOf } from "./score.ts";

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

function headlineOf({ full }: Board, { arm, cells, ratio }: BoardArm): VerdictLine | null {
  const score = scoreOf(cells), fullScore = full === null ? null : scoreOf(full.cells);
  if (score === null) return null;
  const name = arm.budget === null ? arm.series : `${arm.series} at ${budgetWords(arm.budget)}`;
  const saving = ratio === null ? "" : ` at ${threeDigits(ratio)}× fewer bytes read`;
  if (fullScore === null) {
    return { tone: "open", text: `${name} scores ${inPoints(score.value)}${saving}; the full cache was not run.` };
  }
  if (fullScore.value === 0) {
    return { tone: "open", text: `The full cache itself scores 0 here: nothing can be lost, and nothing is told.` };
  }
  const delta = deltaToFull(cells);
  const kept = `${(100 * score.value / fullScore.value).toFixed(1)} % of the full cache's score`;
  const scores = `${inPoints(score.value)} of ${inPoints(fullScore.value)} points`;
  const sure = delta === null
    ? ""
    : delta.p < SURE
    ? `, ${formatP(delta.p)}`
    : delta.wins + delta.losses === 0
    ? "; no sample differs"
    : `; the difference is within chance, ${formatP(delta.p)}`;
  return {
    tone: delta !== null && delta.p < SURE && delta.value < 0 ? "bad" : "good",
    text: `${name} keeps ${kept}${saving} (${scores}${sure}).`,
  };
}

function duelLine({ series, read, theirRead, nearest, delta }: Duel): VerdictLine {
  const bytes = nearest
    ? `${series}, reading ${(theirRead / read).toPrecision(2)}× the bytes,`
    : `${series} at equal bytes`;
  if (delta.p >= SURE) {
    return {
      tone: "open",
      text: `${bytes} does as well as can be told (${signed(-delta.value)} points, ${formatP(delta.p)}).`,
    };
  }
  const verb = delta.value > 0 ? "loses" : "wins";
  return {
    tone: delta.value > 0 ? "bad" : "good",
    text: `${bytes} ${verb} ${inPoints(Math.abs(delta.value))} points (${formatP(delta.p)}).`,
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
  return `${signed(value)} [${signed(interval[0])}, ${signed(interval[1])}]`;
}
