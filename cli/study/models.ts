/** The models of a study: read one by one, loaded one at a time, or asked for at a server. */
import type { Prepared } from "../../lib/engine/engine.ts";
import { RunError } from "../../lib/error.ts";
import { DENSE } from "../../lib/methods/plan.ts";
import { engineRunner } from "../../lib/sweep/run/engine_runner.ts";
import type { StudyModel } from "../../lib/sweep/grid/expand.ts";
import type { Grid } from "../../lib/sweep/grid/grid.ts";
import { modelId } from "../../lib/sweep/grid/model_id.ts";
import type { UnitRunner } from "../../lib/sweep/study.ts";
import { loadEngine, prepareEngine } from "../open_engine.ts";
import { openServed, type ServedFlags } from "./endpoint.ts";
import type { StudyFlags } from "./options.ts";

/** Where a model comes from, and how it is made to run. */
export interface OpenModel {
  readonly model: StudyModel;
  /** For machines: what runs it. */
  readonly device: string;
  /** Null for a model that a server runs. */
  readonly prepared: Prepared | null;
  readonly load: (signal: AbortSignal) => Promise<UnitRunner>;
}

/** The models that were opened, by name. */
export class StudyModels {
  readonly #opened = new Map<string, OpenModel>();

  constructor(readonly grid: Grid, readonly flags: Pick<StudyFlags, "device" | "threads" | keyof ServedFlags>) {}

  /** @throws {RunError} for a model that cannot be used, or a server that does not answer. */
  async open(name: string): Promise<StudyModel> {
    const { endpoint } = this.grid;
    const opened = endpoint === null ? await openHere(name, this.flags) : await openServed(endpoint, name, this.flags);
    this.#opened.set(name, opened);
    return opened.model;
  }

  get all(): OpenModel[] {
    return [...this.#opened.values()];
  }

  async load({ name }: StudyModel, signal: AbortSignal): Promise<UnitRunner> {
    return await this.#opened.get(name)!.load(signal);
  }
}

async function openHere(name: string, { device, threads }: { device: string; threads: number }): Promise<OpenModel> {
  const prepared = await prepareEngine({ model: name, device });
  const { source, text, choice } = prepared;
  const id = await modelId(source).catch((error) => {
    throw new RunError(`Cannot read the files of ${source.path}: ${(error as Error).message}`);
  });
  return {
    model: { name, id, endpoint: null, text, config: source.config },
    device: choice.device.name,
    prepared,
    async load(signal) {
      // Whether the weights fit; each unit is checked for itself.
      const workload = { promptTokens: 1, newTokens: 1, plans: [[DENSE] as const] };
      return engineRunner(await loadEngine(prepared, { threads, workload, signal }));
    },
  };
}
