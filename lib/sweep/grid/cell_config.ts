/** From a place in a grid to the configuration of a cell. */
import type { KvType } from "../../methods/kv_format.ts";
import type { Length, Task } from "../../tasks/task.ts";
import type { CellConfig } from "./cell.ts";
import type { StudyModel } from "./expand.ts";
import type { Grid } from "./grid.ts";
import { formatLength } from "./length.ts";
import type { GridRecipe } from "./recipes.ts";
import { type Moment, tokeniseOf } from "../run/unit.ts";

/** Axes of a grid besides model, task and method. */
export interface Place {
  readonly length: Length | null;
  readonly seed: number;
  readonly moment: Moment;
  readonly kvType: KvType;
}

export function configFor(
  grid: Grid,
  model: StudyModel,
  task: Task,
  { length, seed, moment, kvType }: Place,
  { recipe, budget, fileHashes }: GridRecipe,
): CellConfig {
  return {
    model: model.name,
    modelId: model.id,
    endpoint: model.endpoint,
    method: model.endpoint === null ? recipe.method.name : grid.label ?? recipe.method.name,
    budget,
    set: recipe.set,
    methodFiles: fileHashes,
    kvType,
    task: { name: task.spec.name, options: task.spec.options },
    dataMode: task.dataMode,
    dataId: task.dataId,
    length: length && formatLength(length),
    seed,
    moment,
    history: task.history ?? "golden",
    tokenise: tokeniseOf(task, moment),
    truncate: grid.truncate,
    scorer: grid.scorer !== "auto" ? grid.scorer : task.dataMode === "official" ? "official" : "fixed",
  };
}
