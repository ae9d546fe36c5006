/** Grids as files: YAML, JSON or TOML. `docs/studies.md` shows one with every field. */
import { UsageError } from "../../error.ts";
import { type BudgetSpec, formatBudget, parseBudget, parseRatio } from "../../methods/budget_spec.ts";
import { KV_TYPES } from "../../methods/kv_format.ts";
import { findMethod } from "../../methods/registry.ts";
import { expandTasks, openTask } from "../../tasks/catalog.ts";
import type { Json } from "../../tasks/sample.ts";
import { DEFAULT_GRID, type Grid, type GridMethod, type GridRule, type GridTask, SCORERS } from "./grid.ts";
import { withFiles, withSettings } from "./grid_settings.ts";
import { formatLength, parseLength } from "./length.ts";
import { parseLocated } from "./located.ts";
import { Value } from "./located_fields.ts";
import { RULE_AXES } from "./rules.ts";
import { MOMENTS, TRUNCATIONS } from "../run/unit.ts";

const FIELDS = [
  ...["models", "methods", "budgets", "ratios", "tasks", "lengths", "seeds", "moments", "kvTypes"] as const,
  ...["samples", "set", "methodFiles", "truncate", "scorer", "endpoint", "label", "include", "exclude"] as const,
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
  return {
    models: fields.models?.items().map((value) => value.text("the name of a model")) ?? DEFAULT_GRID.models,
    methods: await readMethods(fields),
    budgets: await readBudgets(fields) ?? DEFAULT_GRID.budgets,
    tasks: await Promise.all(tasks.items().map(readTask)),
    lengths: fields.lengths === undefined ? DEFAULT_GRID.lengths : await readLengths(fields.lengths),
    seeds: fields.seeds?.items().map((value) => value.integer(0)) ?? DEFAULT_GRID.seeds,
    moments: fields.moments?.items().map((value) => value.choice(MOMENTS)) ?? DEFAULT_GRID.moments,
    kvTypes: fields.kvTypes?.items().map((value) => value.choice(KV_TYPES)) ?? DEFAULT_GRID.kvTypes,
    samples: fields.samples?.integer(1) ?? DEFAULT_GRID.samples,
    truncate: fields.truncate?.choice(TRUNCATIONS) ?? DEFAULT_GRID.truncate,
    scorer: fields.scorer?.choice(SCORERS) ?? DEFAULT_GRID.scorer,
    endpoint: fields.endpoint?.text("the address of a server") ?? DEFAULT_GRID.endpoint,
    label: fields.label?.text("what tables call the server's cache") ?? DEFAULT_GRID.label,
    include: fields.include?.items().map(readRule) ?? [],
    exclude: fields.exclude?.items().map(readRule) ?? [],
  };
}

/** A grid as a file that `parseGrid` reads. */
export async function formatGrid({ endpoint, label, ...grid }: Grid): Promise<string> {
  const { stringify } = await import("yaml");
  const methods = grid.methods.map(shortMethod);
  const tasks = grid.tasks.map(({ name, options, methods, ...task }) => ({
    name,
    ...(Object.keys(options).length > 0 && { options }),
    ...(methods !== undefined && { methods: methods.map(shortMethod) }),
    ...task,
  }));
  const lists = { include: grid.include, exclude: grid.exclude };
  const rules = Object.fromEntries(Object.entries(lists).filter(([, list]) => list.length > 0));
  const { include: _, exclude: __, ...rest } = grid;
  return stringify({
    ...rest,
    methods,
    tasks,
    ...(endpoint !== null && { endpoint }),
    ...(label !== null && { label }),
    ...rules,
  }, {
    lineWidth: 120,
    collectionStyle: "any",
    flowCollectionPadding: false,
  });
}

function shortMethod({ name, set, files }: GridMethod): unknown {
  const own = Object.entries({ set, files }).filter(([, values]) => Object.keys(values).length > 0);
  return own.length === 0 ? name : { name, ...Object.fromEntries(own) };
}

/** Those of `budgets` and of `ratios`; null where there is neither. */
async function readBudgets(
  { budgets, ratios }: Partial<Record<"budgets" | "ratios", Value>>,
): Promise<string[] | null> {
  if (budgets === undefined && ratios === undefined) return null;
  const read = (value: Value, parse: (text: string) => BudgetSpec, wanted: string) =>
    Promise.all(value.items().map((one) => one.checked(() => formatBudget(parse(one.word(wanted))))));
  const either = (text: string) => text.endsWith("x") ? parseRatio(text) : parseBudget(text);
  return [
    ...budgets === undefined ? [] : await read(budgets, either, "tokens such as 256, or a ratio such as 16x"),
    ...ratios === undefined ? [] : await read(ratios, parseRatio, "a ratio such as 16x"),
  ];
}

function readLengths(value: Value): Promise<string[]> {
  const read = (item: Value) =>
    item.checked(() => formatLength(parseLength(item.word("tokens such as 4096, or words such as 2048w"))));
  return Promise.all(value.items().map(read));
}

async function readMethods(
  { methods: named, set, methodFiles }: Partial<Record<"methods" | "set" | "methodFiles", Value>>,
): Promise<GridMethod[]> {
  const methods = named === undefined ? DEFAULT_GRID.methods : await Promise.all(named.items().map(readMethod));
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
  const fields = value.fields(["name", "options", "methods", "budgets", "ratios", "lengths", "samples"]);
  const { name, options, methods, lengths, samples } = fields;
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
  const budgets = await readBudgets(fields);
  return {
    ...spec,
    ...(methods !== undefined && { methods: await readMethods({ methods }) }),
    ...(budgets !== null && { budgets }),
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
