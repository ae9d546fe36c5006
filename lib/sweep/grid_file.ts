/** Grids as files: YAML, JSON or TOML. `docs/studies.md` shows one with every field. */
import { UsageError } from "../error.ts";
import { formatBudget, parseBudget, parseRatio } from "../methods/budget_spec.ts";
import { KV_TYPES } from "../methods/kv_format.ts";
import { findMethod } from "../methods/registry.ts";
import { expandTasks, openTask } from "../tasks/catalog.ts";
import type { Json } from "../tasks/sample.ts";
import { DEFAULT_GRID, type Grid, type GridMethod, type GridRule, type GridTask, SCORERS } from "./grid.ts";
import { withFiles, withSettings } from "./grid_settings.ts";
import { formatLength, parseLength } from "./length.ts";
import { parseLocated } from "./located.ts";
import { Value } from "./located_fields.ts";
import { RULE_AXES } from "./rules.ts";
import { MOMENTS, TRUNCATIONS } from "./unit.ts";

const FIELDS = [
  ...["models", "methods", "budgets", "ratios", "tasks", "lengths", "seeds", "moments", "kvTypes"] as const,
  ...["samples", "set", "methodFiles", "truncate", "scorer", "endpoint", "include", "exclude"] as const,
];

/**
 * Read a grid. Fields that are not there have the values of `DEFAULT_GRID`.
 *
 * @param file  For messages, and its ending for the format.
 * @throws {UsageError} for anything that is malformed or unknown; the message has file, line and field.
 */
export async function parseGrid(file: string, text: string): Promise<Grid> {
  const located = await parseLocated(file, text);
  const root: Value = new Value(located, located.data);
  const fields = root.fields(FIELDS), { tasks } = fields;
  if (tasks === undefined) root.fail("the field tasks is missing");
  const lists = { budget: fields.budgets?.items() ?? [], ratio: fields.ratios?.items() ?? [] };
  const budgets = [
    ...await Promise.all(lists.budget.map(readBudget)),
    ...await Promise.all(
      lists.ratio.map((value) => value.checked(() => formatBudget(parseRatio(value.word("a ratio"))))),
    ),
  ];
  return {
    models: fields.models?.items().map((value) => value.text("the name of a model")) ?? DEFAULT_GRID.models,
    methods: await readMethods(fields),
    budgets: budgets.length > 0 ? budgets : DEFAULT_GRID.budgets,
    tasks: await Promise.all(tasks.items().map(readTask)),
    lengths: fields.lengths === undefined ? DEFAULT_GRID.lengths : await readLengths(fields.lengths),
    seeds: fields.seeds?.items().map((value) => value.integer(0)) ?? DEFAULT_GRID.seeds,
    moments: fields.moments?.items().map((value) => value.choice(MOMENTS)) ?? DEFAULT_GRID.moments,
    kvTypes: fields.kvTypes?.items().map((value) => value.choice(KV_TYPES)) ?? DEFAULT_GRID.kvTypes,
    samples: fields.samples?.integer(1) ?? DEFAULT_GRID.samples,
    truncate: fields.truncate?.choice(TRUNCATIONS) ?? DEFAULT_GRID.truncate,
    scorer: fields.scorer?.choice(SCORERS) ?? DEFAULT_GRID.scorer,
    endpoint: fields.endpoint?.text("the address of a server") ?? DEFAULT_GRID.endpoint,
    include: fields.include?.items().map(readRule) ?? [],
    exclude: fields.exclude?.items().map(readRule) ?? [],
  };
}

/** A grid as a file that `parseGrid` reads. */
export async function formatGrid({ endpoint, ...grid }: Grid): Promise<string> {
  const { stringify } = await import("yaml");
  const methods = grid.methods.map(({ name, set, files }) =>
    Object.keys({ ...set, ...files }).length === 0 ? name : {
      name,
      ...(Object.keys(set).length > 0 && { set }),
      ...(Object.keys(files).length > 0 && { files }),
    }
  );
  const tasks = grid.tasks.map(({ options, ...task }) => ({
    ...task,
    ...(Object.keys(options).length > 0 && { options }),
  }));
  const lists = { include: grid.include, exclude: grid.exclude };
  const rules = Object.fromEntries(Object.entries(lists).filter(([, list]) => list.length > 0));
  const { include: _, exclude: __, ...rest } = grid;
  return stringify({ ...rest, methods, tasks, ...(endpoint !== null && { endpoint }), ...rules }, {
    lineWidth: 120,
    collectionStyle: "any",
    flowCollectionPadding: false,
  });
}

function readBudget(value: Value): Promise<string> {
  const text = value.word("tokens such as 256, or a ratio such as 16x");
  return value.checked(() => formatBudget(text.endsWith("x") ? parseRatio(text) : parseBudget(text)));
}

function readLengths(value: Value): Promise<string[]> {
  const read = (item: Value) =>
    item.checked(() => formatLength(parseLength(item.word("tokens such as 4096, or words such as 2048w"))));
  return Promise.all(value.items().map(read));
}

async function readMethods(fields: Partial<Record<typeof FIELDS[number], Value>>): Promise<GridMethod[]> {
  const methods = fields.methods === undefined
    ? DEFAULT_GRID.methods
    : await Promise.all(fields.methods.items().map(readMethod));
  const { set, methodFiles } = fields;
  const withSet = set === undefined ? methods : await set.checked(() => withSettings(methods, settingTexts(set)));
  if (methodFiles === undefined) return [...withSet];
  const texts = Object.entries(readPaths(methodFiles)).map((pair) => pair.join("="));
  return await methodFiles.checked(() => withFiles(withSet, texts));
}

async function readMethod(value: Value): Promise<GridMethod> {
  if (typeof value.data === "string") {
    const { name } = await value.checked(() => findMethod(String(value.data)));
    return { name, set: {}, files: {} };
  }
  const { name, set, files } = value.fields(["name", "set", "files"]);
  if (name === undefined) value.fail("the field name of a method is missing");
  const method = await name.checked(() => findMethod(name.text("the name of a method")));
  const plain = { name: method.name, set: {}, files: files === undefined ? {} : readPaths(files) };
  if (set === undefined) return plain;
  const [found] = await set.checked(() => withSettings([plain], settingTexts(set)));
  return found!;
}

/** `name=value`, where a value is a number, or the word of a parameter that is a kind. */
function settingTexts(value: Value): string[] {
  return value.entries("an object of numbers by name").map(([name, one]) =>
    `${name}=${one.word("a number or a word")}`
  );
}

function readPaths(value: Value): Record<string, string> {
  return Object.fromEntries(
    value.entries("an object of paths by kind").map(([kind, one]) => [kind, one.text("a path")]),
  );
}

async function readTask(value: Value): Promise<GridTask> {
  if (typeof value.data === "string") {
    const spec = { name: value.data, options: {} };
    await value.checked(() => expandTasks(spec));
    return spec;
  }
  const { name, options, lengths, samples } = value.fields(["name", "options", "lengths", "samples"]);
  if (name === undefined) value.fail("the field name of a task is missing");
  const spec = {
    name: name.text("the name of a task"),
    options: options === undefined
      ? {}
      : Object.fromEntries(options.entries("an object of options").map(([key, one]) => [key, one.data as Json])),
  };
  const specs = await name.checked(() => expandTasks(spec));
  // Options are the task's own: only it knows which there are.
  if (options !== undefined) { for (const one of specs) await options.checked(() => openTask(one)); }
  return {
    ...spec,
    ...(lengths !== undefined && { lengths: await readLengths(lengths) }),
    ...(samples !== undefined && { samples: samples.integer(1) }),
  };
}

function readRule(value: Value): GridRule {
  const axes = Object.keys(RULE_AXES) as (keyof GridRule)[];
  const fields = value.fields(axes);
  if (Object.keys(fields).length === 0) value.refuse(`an object with any of ${axes.join(", ")}`);
  return Object.fromEntries(
    Object.entries(fields).map(([axis, values]) => [
      axis,
      values.items().map((one) => axis === "seed" ? one.integer(0) : one.word("a value of the axis")),
    ]),
  );
}

/** @throws {UsageError} for a file that is malformed or cannot be read. */
export async function readGrid(path: string): Promise<Grid> {
  const text = await Deno.readTextFile(path).catch((error) => {
    const reason = error instanceof Deno.errors.NotFound ? `no file ${path}` : `${path}: ${error.message}`;
    throw new UsageError(`Cannot read the grid: ${reason}`);
  });
  return await parseGrid(path, text);
}
