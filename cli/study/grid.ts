/** The grid that flags ask for, on top of another: defaults, a preset, a file. */
import { UsageError } from "../../lib/error.ts";
import { endpointAddress } from "../../lib/endpoint/address.ts";
import type { Grid, GridMethod, GridTask } from "../../lib/sweep/grid/grid.ts";
import { withFiles, withSettings } from "../../lib/sweep/grid/grid_settings.ts";
import { formatLength } from "../../lib/sweep/grid/length.ts";
import type { Length } from "../../lib/tasks/task.ts";
import type { StudyFlags } from "./options.ts";

/**
 * What a flag says replaces what the base says of all its tasks, and what they have of their own.
 *
 * @param tasks    Instead of the base's; null keeps those.
 * @param lengths  Null keeps the base's.
 * @throws {UsageError} for settings and files that no method knows.
 */
export function gridFrom(
  base: Grid,
  flags: StudyFlags,
  tasks: readonly GridTask[] | null,
  lengths: readonly Length[] | null,
): Grid {
  const budgets = [...flags.budget ?? [], ...flags.ratio ?? []];
  const texts = lengths?.map(formatLength);
  const served = flags.endpoint !== undefined || base.endpoint !== null;
  const ownTasks = (tasks ?? base.tasks).map((task): GridTask => {
    const { name, options, methods, ...own } = task;
    return {
      name,
      options,
      ...(methods !== undefined && flags.method === undefined && !served && { methods: withFlags(methods, flags) }),
      ...(own.budgets !== undefined && budgets.length === 0 && { budgets: own.budgets }),
      ...(own.lengths !== undefined && texts === undefined && { lengths: own.lengths }),
      ...(own.samples !== undefined && flags.samples === undefined && { samples: own.samples }),
    };
  });
  return {
    ...base,
    models: flags.model ?? base.models,
    methods: methodsFrom(base, flags, served),
    budgets: budgets.length > 0 ? budgets : base.budgets,
    tasks: ownTasks,
    lengths: texts ?? base.lengths,
    seeds: flags.seed ?? base.seeds,
    moments: flags.moment ?? base.moments,
    kvTypes: flags.kvType ?? base.kvTypes,
    samples: flags.samples ?? base.samples,
    truncate: flags.truncate ?? base.truncate,
    scorer: flags.scorer ?? base.scorer,
    endpoint: flags.endpoint === undefined ? base.endpoint : endpointAddress(flags.endpoint),
    label: labelFrom(base, flags),
  };
}

/** @throws {UsageError} without a server. */
function labelFrom(base: Grid, { label, endpoint }: StudyFlags): string | null {
  if (label === undefined) return base.label;
  if (endpoint === undefined && base.endpoint === null) {
    throw new UsageError(`Cannot use --label "${label}" without --endpoint: methods have their own names`);
  }
  return label;
}

/** Settings and files go to the methods that know them, and each must be known to one. */
function methodsFrom(base: Grid, flags: StudyFlags, served: boolean): GridMethod[] {
  const named = flags.method ?? (served ? ["full"] : null);
  if (served && named?.some((name) => name !== "full")) {
    throw new UsageError(`Cannot use --method ${named.join(",")} with --endpoint: the server has a cache of its own`);
  }
  const chosen: readonly GridMethod[] = named?.map((name) => ({ name, set: {}, files: {} })) ?? base.methods;
  return withFlags(chosen, flags);
}

function withFlags(methods: readonly GridMethod[], { set, methodFile }: StudyFlags): GridMethod[] {
  return withFiles(withSettings(methods, set), methodFile);
}
