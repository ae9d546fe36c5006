/** What a run folder is about: written once, before the first sample. */
import type { Json } from "../../tasks/sample.ts";
import type { Cell } from "../grid/cell.ts";
import type { Prediction, Timing } from "./prediction.ts";

/**
 * `manifest.json`. Layout of a run folder:
 *
 *     manifest.json
 *     cells/<id>/config.json
 *     cells/<id>/predictions.<i>-of-<n>.jsonl   one shard's, in the order they were made; append-only
 *     cells/<id>/timings.<i>-of-<n>.jsonl
 *     cells/<id>/predictions.jsonl              all shards', sorted by sample and turn: written by merge, atomically
 *     cells/<id>/timings.jsonl
 *     failures.<i>-of-<n>.jsonl                 samples that could not be answered
 *     locks/                                    who is at work: see lock.ts
 *     old-<k>/                                  runs that were set aside
 *     tables/  plots/  report.html              written by report, which lists them in report_files.json
 */
export interface Manifest {
  readonly version: 1;
  /** Of the program that made it. */
  readonly rocketkv: string;
  readonly createdAt: string;
  /** As it was asked for: see `grid/grid.ts`. */
  readonly grid: { readonly [name: string]: Json };
  readonly machine: { readonly [name: string]: Json };
  readonly cells: readonly Cell[];
  /** Keys of the samples of each task, length and seed, in order; cells of the same ones share a list. */
  readonly expected: readonly { readonly cells: readonly string[]; readonly samples: readonly string[] }[];
}

/** A cell with what has been written for it so far: of all shards, each sample and turn once, sorted. */
export interface CellResults extends Cell {
  readonly predictions: readonly Prediction[];
  readonly timings: readonly Timing[];
  /** Samples that the grid asks for. */
  readonly expected: readonly string[];
}

export interface Run {
  readonly path: string;
  readonly manifest: Manifest;
  readonly cells: readonly CellResults[];
}
