/** From what happened to what is written down. */
import type { Engine } from "../../engine/engine.ts";
import { sha256 } from "../../model/sha256.ts";
import { scoreAnswer } from "../../tasks/metrics/registry.ts";
import type { Sample } from "../../tasks/sample.ts";
import type { ModelText } from "../../text/types.ts";
import type { Prediction, Timing } from "../folder/prediction.ts";
import type { Start } from "./prefills.ts";
import { type ArmResult, NO_TIMES, type TurnResult, type TurnTimes } from "./run_job.ts";
import type { Thread } from "./thread.ts";
import type { SampleResult, Unit } from "./unit.ts";

/** One answer of one arm. */
export type ArmRecord = SampleResult["answers"][number];

/** What all answers of a thread have in common. */
export interface ThreadRecord {
  readonly engine: Engine;
  readonly unit: Unit;
  readonly sample: Sample;
  readonly thread: Pick<Thread, "firstTurn" | "prompt" | "turns">;
  readonly start: Pick<Start, "prefillMs" | "shareMs" | "prefilledTokens">;
  /** When the prefill began. */
  readonly startedAt: string;
}

/** Letters of a prompt's end that are kept for people, and tokens that surely hold them. */
const TAIL_LETTERS = 300, TAIL_TOKENS = 300;

/** An arm's answers, one for every turn of the thread. */
export function recordsOf(record: ThreadRecord, arm: number, result: ArmResult): ArmRecord[] {
  return record.thread.turns.map((_, turn) =>
    recordOf(record, arm, turn, typeof result === "string" ? result : result[turn]!)
  );
}

/** @param turn  Counted from the thread's first. */
function recordOf(record: ThreadRecord, arm: number, turn: number, result: TurnResult | string): ArmRecord {
  const { unit, sample, thread } = record;
  const found = typeof result === "string" ? null : result;
  const about = sample.turns[thread.firstTurn + turn]!;
  const promptIds = found?.promptIds ?? promptOf(thread, turn);
  const text = found?.answer.text ?? "";
  const scoring = { ...about.scoring, ...(found?.details && { details: found.details }) };
  const prediction: Prediction = {
    sample: sample.key,
    turn: thread.firstTurn + turn,
    ...(about.subtask !== undefined && { subtask: about.subtask }),
    group: unit.group.id,
    depth: sample.depth,
    prompt: promptHash(promptIds),
    promptTokens: promptIds.length,
    truncatedTokens: thread.prompt.truncatedTokens,
    maxNewTokens: thread.turns[turn]!.newTokens,
    answer: text,
    ids: found?.answer.ids ?? [],
    finish: found?.answer.finish ?? "error",
    ...(typeof result === "string" && { error: result }),
    scoring,
    scores: found && scoreAnswer(text, scoring, unit.scorer),
    ...(found && about.expected !== undefined && { expectedLogprobs: found.answer.expectedLogprobs }),
    promptTail: promptTail(record.engine.text, promptIds),
    cache: found?.cache ?? null,
  };
  const timing = timingOf(record, prediction, { first: turn === 0, times: found?.times ?? null });
  return { cell: unit.arms[arm]!.cell, prediction, timing };
}

function timingOf(
  { engine, start, startedAt }: ThreadRecord,
  { sample, turn, ids }: Prediction,
  { first, times }: { first: boolean; times: TurnTimes | null },
): Timing {
  const shared = first ? start : { prefillMs: 0, shareMs: 0, prefilledTokens: 0 };
  const { kv_bytes_peak, work_bytes_peak } = engine.model.usage();
  const own = times ?? NO_TIMES;
  return {
    sample,
    turn,
    prefillMs: shared.shareMs + own.prefillMs,
    compressMs: own.compressMs,
    decodeMs: own.decodeMs,
    ttftMs: shared.prefillMs + own.prefillMs + own.compressMs,
    selectMs: own.selectMs,
    attendMs: own.attendMs,
    linearMs: own.linearMs,
    newTokens: ids.length,
    prefilledTokens: shared.prefilledTokens,
    arms: own.arms,
    peakBytes: kv_bytes_peak + work_bytes_peak,
    host: Deno.hostname(),
    device: engine.device.name,
    startedAt,
  };
}

/** First 12 hexadecimal digits of the SHA-256 of token ids, each as four bytes, the lowest first. */
export function promptHash(ids: readonly number[]): string {
  const hash = sha256();
  hash.update(new Uint8Array(Int32Array.from(ids).buffer));
  return hash.hex().slice(0, 12);
}

export function promptTail({ tokenizer }: ModelText, ids: readonly number[]): string {
  return tokenizer.decode(ids.slice(-TAIL_TOKENS), { special: true }).slice(-TAIL_LETTERS);
}

/** The prompt of a turn that was not reached, answers of its history left out. */
function promptOf({ prompt, turns }: ThreadRecord["thread"], turn: number): readonly number[] {
  return [...prompt.head, ...turns.slice(0, turn + 1).flatMap(({ tail }) => tail)];
}
