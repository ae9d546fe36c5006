/**
 * What is run on a group of samples, before anything is: which tokens are prefilled, for which arms, in which order.
 */
import { LONG_HISTORY } from "../../engine/conversation.ts";
import type { Engine } from "../../engine/engine.ts";
import { formatOf } from "../../engine/kv_options.ts";
import { DEFAULT_CHUNK } from "../../engine/memory.ts";
import { planFor, type Planned } from "../../engine/recipe.ts";
import { type Observation, observationsFor } from "../../methods/observe.ts";
import { MAX_WINDOW } from "../../methods/plan.ts";
import { decodeTail } from "../../methods/settings.ts";
import { assemble, type Prompt, type PromptTurn } from "../../tasks/prompt/assemble.ts";
import type { Sample } from "../../tasks/sample.ts";
import { prefixTree, type Trunk } from "./prefix_tree.ts";
import { tokeniseOf, type Unit } from "./unit.ts";

/** What plans are made with: no weights. */
type PlanningEngine = Pick<Engine, "text" | "config">;

/** An arm on one prompt. */
export interface ThreadArm {
  /** Its place in the unit. */
  readonly index: number;
  readonly planned: Planned;
}

/** Arms that start from the same prefill. */
export interface Job {
  /** Prefilled for all of them. */
  readonly ids: readonly number[];
  /** Fed as decode steps behind the compression. */
  readonly tail: readonly number[];
  /** Prefilled onto the compressed cache. */
  readonly question: readonly number[];
  readonly arms: readonly ThreadArm[];
  /** Whether the arms' patterns make this prefill sparse: it then is like no other. */
  readonly sparse: boolean;
}

/** Turns that go on from one another on one cache: all of a sample, or with `requests` one. */
export interface Thread {
  /** Its place in the group. */
  readonly sample: number;
  readonly firstTurn: number;
  readonly prompt: Prompt;
  readonly turns: readonly PromptTurn[];
  readonly jobs: readonly Job[];
}

/** A prefill, and who starts from it. */
export interface Leaf {
  readonly ids: readonly number[];
  readonly users: readonly { readonly thread: number; readonly job: Job }[];
}

export interface UnitPlan {
  readonly samples: readonly Sample[];
  readonly threads: readonly Thread[];
  /** Dense prefills, as the tree counts them. */
  readonly leaves: readonly Leaf[];
  readonly tree: Trunk;
  readonly observe: readonly Observation[];
}

/**
 * The plan does not depend on which samples are done, so that the others' numbers do not.
 *
 * @throws {RunError} for a sample that does not fit the model, {UsageError} for a recipe that cannot be planned.
 */
export function planUnit(engine: PlanningEngine, unit: Unit, samples: readonly Sample[]): UnitPlan {
  const { task, moment, truncate } = unit;
  const { history = "golden" } = task;
  const { contextLength } = engine.config;
  const tokenise = tokeniseOf(task, moment);
  const threads = samples.flatMap((sample, i) => {
    const prompt = assemble(engine.text, sample, { tokenise, history, truncate, contextLength });
    const turns = history === "requests" ? prompt.turns.map((turn) => [turn]) : [prompt.turns];
    return turns.map((turns, firstTurn): Thread => (
      { sample: i, firstTurn, prompt, turns, jobs: jobsOf(engine, unit, prompt, turns) }
    ));
  });
  const dense = threads.flatMap(({ jobs }, thread) =>
    jobs.filter(({ sparse }) => !sparse).map((job) => ({ thread, job }))
  );
  const leaves = [...Map.groupBy(dense, ({ job: { ids } }) => ids.join()).values()]
    .map((users): Leaf => ({ ids: users[0]!.job.ids, users }));
  const grain = unit.session.chunkTokens || DEFAULT_CHUNK;
  // The queries that vote are the last ones of a prefill call, so that many are always in a prompt's own part.
  const tree = prefixTree(leaves.map(({ ids }) => ({ ids, limit: ids.length - MAX_WINDOW })), grain);
  return { samples, threads, leaves, tree, observe: observed(engine, unit, threads) };
}

function jobsOf(engine: PlanningEngine, unit: Unit, { head }: Prompt, turns: readonly PromptTurn[]): Job[] {
  const format = formatOf(unit.session);
  const [first] = turns;
  const whole = [...head, ...first!.tail];
  const later = turns.reduce((sum, { tail, newTokens }) => sum + tail.length + newTokens, 0);
  const arms = unit.arms.map(({ recipe }, index) => {
    const aware = unit.moment === "query-aware";
    const tail = aware ? decodeTail(recipe.set, whole.length) : 0;
    const [cached, follows] = aware ? [whole.length - tail, first!.newTokens + tail] : [head.length, later];
    return { index, cached, tail, planned: planFor(recipe, engine.config, cached, follows, format) };
  });
  const groups = Map.groupBy(arms, ({ cached, planned }) => JSON.stringify([cached, planned.patterns ?? null]));
  return [...groups.values()].map((group): Job => {
    const { cached, tail, planned } = group[0]!;
    return {
      ids: whole.slice(0, cached),
      tail: tail > 0 ? whole.slice(cached) : [],
      question: whole.slice(cached + tail),
      arms: group.map(({ index, planned }) => ({ index, planned })),
      sparse: planned.patterns !== undefined,
    };
  });
}

/** What prefills keep for plans that come later: also for those of turns that are still far. */
function observed(engine: PlanningEngine, unit: Unit, threads: readonly Thread[]): Observation[] {
  const plans = threads.flatMap(({ jobs }) => jobs.flatMap(({ arms }) => arms.map(({ planned }) => planned.plans)));
  if (!threads.some(({ turns }) => turns.length > 1)) return observationsFor(plans);
  const format = formatOf(unit.session);
  const far = unit.arms.map(({ recipe }) => planFor(recipe, engine.config, LONG_HISTORY, 1, format).plans);
  return observationsFor([...plans, ...far]);
}
