/** The grid that flags ask for, on top of another: defaults, a preset, a file. */
import { UsageError } from "../lib/error.ts";
import { endpointAddress } from "../lib/endpoint/address.ts";
import type { Grid, GridMethod, GridTask } from "../lib/sweep/grid.ts";
import { withFiles, withSettings } from "../lib/sweep/grid_settings.ts";
import { formatLength } from "../lib/sweep/length.ts";
import type { Length } from "../lib/tasks/task.ts";
import type { StudyFlags } from "./study_options.ts";

/**
 * @param tasks    Instead of the base's; null keeps those.
 * @param lengths  Instead of the base's and those of its tasks; null keeps them.
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
  const ownTasks = (tasks ?? base.tasks).map((task): GridTask => {
    const { lengths: _, samples: __, ...spec } = task;
    return {
      ...spec,
      ...(task.lengths !== undefined && !texts && { lengths: task.lengths }),
      ...(task.samples !== undefined && flags.samples === undefined && { samples: task.samples }),
    };
  });
  return {
    ...base,
    models: flags.model ?? base.models,
    methods: methodsFrom(base, flags),
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
  };
}

/** Settings and files go to the methods that know them, and each must be known to one. */
function methodsFrom(base: Grid, flags: StudyFlags): GridMethod[] {
  const served = flags.endpoint !== undefined || base.endpoint !== null;
  const named = flags.method ?? (served ? ["full"] : null);
  if (served && named?.some((name) => name !== "full")) {
    throw new UsageError(`Cannot use --method ${named.join(",")} with --endpoint: the server has a cache of its own`);
  }
  const chosen: readonly GridMethod[] = named?.map((name) => ({ name, set: {}, files: {} })) ?? base.methods;
  return withFiles(withSettings(chosen, flags.set), flags.methodFile);
}
