/** From a grid to what runs: cells, and units of samples with all arms that start from the same prompts. */
import { kvOptions } from "../../engine/kv_options.ts";
import type { Recipe } from "../../engine/recipe.ts";
import { UsageError } from "../../error.ts";
import { full } from "../../methods/full.ts";
import { kvFormat, type KvType } from "../../methods/kv_format.ts";
import type { ModelConfig } from "../../model/types.ts";
import { expandTasks, openTask } from "../../tasks/catalog.ts";
import type { Json } from "../../tasks/sample.ts";
import type { Length, Task } from "../../tasks/task.ts";
import type { ModelText } from "../../text/types.ts";
import { canonicalJson, type Cell, type CellConfig, cellOf } from "./cell.ts";
import { configFor } from "./cell_config.ts";
import type { Grid, GridTask } from "./grid.ts";
import { formatLength, parseLength } from "./length.ts";
import type { Manifest } from "../folder/manifest.ts";
import { type GridRecipe, recipesOf } from "./recipes.ts";
import { isKept } from "./rules.ts";
import type { Unit, UnitArm } from "../run/unit.ts";

/** A model of a grid, before its weights are loaded. */
export interface StudyModel {
  /** As the grid names it, and what identifies its files. */
  readonly name: string;
  readonly id: string;
  readonly endpoint: string | null;
  readonly text: ModelText;
  /** Null for a model that a server runs. */
  readonly config: ModelConfig | null;
}

/** A unit of a run, whatever has been done of it. */
export interface PlannedUnit extends Omit<Unit, "done"> {
  readonly model: StudyModel;
  readonly length: Length | null;
  /** Names the group among all of the run, the same for every model and arm: what shards go by. */
  readonly place: string;
}

export interface Expansion extends Pick<Manifest, "cells" | "expected"> {
  readonly units: readonly PlannedUnit[];
}

/**
 * Make all cells and units of a grid.
 *
 * Cells that are the same are one. Where any cell is, the full cache has one too: all others are compared with it.
 *
 * @param openModel  Called once per model.
 * @throws {UsageError} for a grid without cells, or names and numbers that cannot be used; {RunError} for data and models that
 *   are not there.
 */
export async function expand(grid: Grid, openModel: (name: string) => Promise<StudyModel>): Promise<Expansion> {
  const tasks = await openTasks(grid);
  const parts: Expansion[] = [];
  for (const name of new Set(grid.models)) {
    const model = await openModel(name);
    for (const task of tasks) {
      for (const length of lengthsOf(grid, task)) {
        for (const seed of new Set(grid.seeds)) parts.push(await expandPlace(grid, model, task, length, seed));
      }
    }
  }
  const cells = new Map(parts.flatMap((part) => part.cells).map((cell) => [cell.id, cell]));
  if (cells.size === 0) {
    throw new UsageError("Cannot run a grid without cells: expected models, methods, tasks and rules that leave some");
  }
  return {
    cells: [...cells.values()],
    expected: parts.flatMap((part) => part.expected),
    units: parts.flatMap((part) => part.units),
  };
}

interface OpenTask {
  readonly task: Task;
  readonly settings: GridTask;
  readonly recipes: readonly GridRecipe[];
}

/** Every task once, those of whole benchmarks too. */
async function openTasks(grid: Grid): Promise<OpenTask[]> {
  const opened = new Map<string, OpenTask>();
  for (const settings of grid.tasks) {
    const { methods = grid.methods, budgets = grid.budgets } = settings;
    const recipes = grid.endpoint === null ? await recipesOf({ methods, budgets }) : [FULL];
    for (const spec of await expandTasks({ name: settings.name, options: settings.options })) {
      const key = canonicalJson([spec.name, spec.options, [...settings.lengths ?? []]]);
      if (!opened.has(key)) opened.set(key, { task: await openTask(spec), settings, recipes });
    }
  }
  return [...opened.values()];
}

function lengthsOf(grid: Grid, { task, settings }: OpenTask): (Length | null)[] {
  if (!task.usesLength) return [null];
  return [...new Set(settings.lengths ?? grid.lengths)].map(parseLength);
}

/** One model on one task, length and seed: the same samples for all arms. */
async function expandPlace(
  grid: Grid,
  model: StudyModel,
  { task, settings, recipes }: OpenTask,
  length: Length | null,
  seed: number,
): Promise<Expansion> {
  const cells: Cell[] = [];
  const shared: Omit<PlannedUnit, "group" | "place">[] = [];
  const samples = settings.samples ?? grid.samples;
  if (model.endpoint !== null) checkServed(grid, task);
  for (const moment of new Set(grid.moments)) {
    for (const kvType of kvTypesOf(grid)) {
      const configOf = (recipe: GridRecipe) => configFor(grid, model, task, { length, seed, moment, kvType }, recipe);
      const wanted = grid.kvTypes.includes(kvType) || grid.endpoint !== null ? recipes : [];
      const kept = wanted.map((one) => ({ recipe: one.recipe, cell: cellOf(configOf(one)) }))
        .filter(({ cell }) => isKept(cell.config, grid));
      const reference = { recipe: FULL.recipe, cell: cellOf(configOf(FULL)) };
      const others = wanted.length === 0 ? grid.kvTypes : [];
      if (kept.length === 0 && !others.some((type) => hasCells(grid, recipes, configOf, type))) continue;
      const hasFull = kept.some(({ recipe }) => recipe.method === full);
      const arms = new Map((hasFull ? kept : [reference, ...kept]).map((arm) => [arm.cell.id, arm]));
      cells.push(...[...arms.values()].map(({ cell }) => cell));
      shared.push({
        task,
        arms: [...arms.values()].map(({ recipe, cell }): UnitArm => ({ cell: cell.id, recipe })),
        moment,
        scorer: reference.cell.config.scorer,
        truncate: grid.truncate,
        session: model.config === null ? {} : kvOptions(kvType, model.config.headDim),
        model,
        length,
      });
    }
  }
  if (cells.length === 0) return { cells, expected: [], units: [] };
  const groups = await task.groups({ text: model.text, length, seed, count: samples });
  const place = `${task.spec.name} ${canonicalJson(task.spec.options as Json)} ${textOf(length)} ${seed}`;
  return {
    cells,
    expected: [{ cells: cells.map(({ id }) => id), samples: groups.flatMap(({ keys }) => keys) }],
    // Groups outside, so that what was read or generated for one is still there for the next moment or KV type.
    units: groups.flatMap((group) => shared.map((unit) => ({ ...unit, group, place: `${place} ${group.id}` }))),
  };
}

/** A server has one cache, which it does not tell of, and sees a whole prompt at once. @throws {UsageError} */
function checkServed({ moments }: Grid, { spec }: Task): void {
  const other = moments.find((moment) => moment !== "query-aware");
  if (other !== undefined) {
    throw new UsageError(`Cannot use --moment ${other} with --endpoint: a server gets the question with its context`);
  }
  if (spec.name === "fidelity") {
    throw new UsageError(
      "Cannot run fidelity with --endpoint: expected a task with answers: servers keep their distributions",
    );
  }
}

const FULL: GridRecipe = {
  recipe: { method: full, budget: { kind: "tokens", tokens: 1 }, set: {} } satisfies Recipe,
  budget: null,
  fileHashes: {},
};

/** Where all caches are quantised, the full one that is not has a place of its own. */
function kvTypesOf({ kvTypes, endpoint }: Grid): Set<KvType> {
  if (endpoint !== null) return new Set(["bf16"]);
  const quantised = kvTypes.every((type) => kvFormat(type, 64).bits > 0);
  return new Set(quantised ? ["bf16", ...kvTypes] : kvTypes);
}

function hasCells(
  grid: Grid,
  recipes: readonly GridRecipe[],
  configOf: (recipe: GridRecipe) => CellConfig,
  kvType: KvType,
): boolean {
  return recipes.some((recipe) => isKept({ ...configOf(recipe), kvType }, grid));
}

function textOf(length: Length | null): string {
  return length === null ? "-" : formatLength(length);
}
