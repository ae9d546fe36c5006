/** Units on a model of this process. */
import type { Engine } from "../../engine/engine.ts";
import { checkMemory } from "../../engine/memory.ts";
import { unitWorkload } from "../../engine/workload.ts";
import { runUnit } from "./run_unit.ts";
import type { UnitRunner } from "../study.ts";

/** Decode steps that memory is kept for, where a task's own number is not known yet. */
const ANSWER_TOKENS = 128;

/** The runner frees the engine. A unit that memory is too small for fails before it is begun, and others go on. */
export function engineRunner(engine: Engine): UnitRunner {
  return {
    async *run(unit, options) {
      if (unit.length?.unit === "tokens") {
        const size = { promptTokens: unit.length.count, newTokens: ANSWER_TOKENS };
        const workload = unitWorkload(engine.config, { ...size, arms: unit.arms, session: unit.session });
        checkMemory(engine.source, workload, engine.device);
      }
      yield* runUnit(engine, unit, options);
    },
    [Symbol.dispose]: () => engine[Symbol.dispose](),
  };
}
