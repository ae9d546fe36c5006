/** Options that the commands share which run a grid: niah, ruler, longbench, scbench, sweep. */
import { type Command, Option } from "@commander-js/extra-typings";
import { UsageError } from "../../lib/error.ts";
import { formatBudget, parseBudget, parseRatio } from "../../lib/methods/budget_spec.ts";
import { KV_TYPES, type KvType } from "../../lib/methods/kv_format.ts";
import { type Grid, SCORERS } from "../../lib/sweep/grid/grid.ts";
import { parseShard, type Shard, WHOLE } from "../../lib/sweep/folder/shard.ts";
import { type Moment, MOMENTS, type Truncation, TRUNCATIONS } from "../../lib/sweep/run/unit.ts";
import * as option from "../options.ts";

/** What `studyOptions` adds to the flags of a command. Axes that nobody names are undefined: the grid's defaults count. */
export interface StudyFlags {
  readonly model?: readonly string[] | undefined;
  readonly method?: readonly string[] | undefined;
  /** `256`, and ratios as `16x`. */
  readonly budget?: readonly string[] | undefined;
  readonly ratio?: readonly string[] | undefined;
  readonly set: readonly string[];
  readonly methodFile: readonly string[];
  readonly kvType?: readonly KvType[] | undefined;
  readonly moment?: readonly Moment[] | undefined;
  readonly samples?: number | undefined;
  readonly seed?: readonly number[] | undefined;
  readonly truncate?: Truncation | undefined;
  readonly scorer?: Grid["scorer"] | undefined;
  readonly endpoint?: string | undefined;
  readonly tokenizer?: string | undefined;
  readonly label?: string | undefined;
  readonly endpointJobs: number;
  readonly endpointEcho: boolean;
  readonly apiKeyEnv?: string | undefined;
  readonly out?: string | undefined;
  readonly shard: Shard;
  readonly extend: boolean;
  readonly forceNew: boolean;
  readonly failFast: boolean;
  readonly dryRun: boolean;
  readonly show: number;
  /** Tokens per second. */
  readonly assumePrefill?: number | undefined;
  readonly assumeDecode?: number | undefined;
  readonly device: string;
  readonly threads: number;
  readonly json: boolean;
}

/**
 * Add the shared options to a command that has its own already, so that its help begins with those.
 *
 * The type of the flags is written out above: inferring it from so many options takes the compiler minutes.
 */
export function studyOptions<A extends unknown[], O extends Record<string, unknown>>(
  command: Command<A, O>,
): Command<A, O & StudyFlags> {
  const untyped = command as unknown as { addOption(option: unknown): void };
  for (const shared of sharedOptions()) untyped.addOption(shared);
  return command as unknown as Command<A, O & StudyFlags>;
}

function sharedOptions(): Option[] {
  return [...axes(), ...settings(), ...folder(), ...forecast(), ...machine()] as unknown as Option[];
}

const axes = () => [
  new Option("-m, --model <names>", "pulled models, folders or GGUF files, separated by commas (smollm2)")
    .argParser(option.list("--model", String)),
  new Option("--method <names>", "methods, separated by commas (rocketkv,snapkv,quest,streaming); full is always there")
    .argParser(option.list("--method", String)),
  new Option("--budget <tokens>", "budgets, separated by commas: tokens that a step may read (128,256)")
    .argParser(option.list("--budget", (text) => formatBudget(parseBudget(text)))),
  new Option("--ratio <factors>", "ratios, separated by commas, beside or instead of budgets: 4x,16x")
    .argParser(option.list("--ratio", (text) => formatBudget(parseRatio(text)))),
  new Option("--kv-type <types>", `element types of the KV cache, separated by commas: ${KV_TYPES.join(", ")} (bf16)`)
    .argParser(option.list("--kv-type", (text) => oneOf("--kv-type", text, KV_TYPES))),
  new Option("--moment <moments>", `when the cache is compressed: ${MOMENTS.join(", ")} or both (query-aware)`)
    .argParser(option.list("--moment", (text) => oneOf("--moment", text, MOMENTS))),
  new Option("--seed <numbers>", "seeds of the samples, separated by commas (0)")
    .argParser(option.list("--seed", option.integer("--seed"))),
];

const settings = () => [
  new Option("--set <name=value>", "override a number of the methods that know it; may be repeated")
    .default([] as string[], "none").argParser(option.repeated),
  new Option("--method-file <kind=path>", "what a method was trained or searched for: gates or patterns")
    .default([] as string[], "none").argParser(option.repeated),
  new Option("--samples <count>", "samples per task, length and seed (5)")
    .argParser(option.integer("--samples", { min: 1 })),
  new Option("--truncate <how>", "prompts that are longer than the model was made for (refuse)").choices(TRUNCATIONS),
  new Option("--scorer <mode>", "whose number the tables show; auto: official for official data (auto)")
    .choices(SCORERS),
];

const folder = () => [
  new Option(
    "-o, --out <folder>",
    "run folder; the same command again goes on there (runs/<command>-<hash of the grid>)",
  ),
  new Option("--shard <i/n>", "run only this part of the samples, beside others on the same folder")
    .default(WHOLE, "1/1").argParser(parseShard),
  new Option("--extend", "add samples or cells to a run that has others already").default(false),
  new Option("--force-new", "set an old run aside and start anew").default(false).conflicts("extend"),
  new Option("--fail-fast", "stop at the first sample that cannot be answered").default(false),
];

const forecast = () => [
  new Option("--dry-run", "say how much there is to do, and how long it takes").default(false),
  new Option("--show <count>", "with --dry-run: prompts that are shown, their ends and tokens").default(0)
    .argParser(option.integer("--show")),
  new Option("--assume-prefill <rate>", "with --dry-run: tokens per second of a prefill")
    .argParser(option.number("--assume-prefill", { min: 1e-6 })),
  new Option("--assume-decode <rate>", "with --dry-run: tokens per second of all arms that decode together")
    .argParser(option.number("--assume-decode", { min: 1e-6 })),
];

const machine = () => [
  new Option("--endpoint <url>", "an OpenAI-compatible server that runs the model"),
  new Option("--tokenizer <model>", "with --endpoint: model folder or GGUF file that says how texts become tokens"),
  new Option("--label <name>", "with --endpoint: what tables call the server's cache (full)"),
  new Option("--endpoint-jobs <count>", "with --endpoint: samples that are asked for at the same time").default(4)
    .argParser(option.integer("--endpoint-jobs", { min: 1, max: 1024 })),
  new Option(
    "--endpoint-echo",
    "with --endpoint: ask for log probabilities of expected answers by echo; they say nothing of caches that are compressed " +
      "behind the prompt",
  ).default(false),
  new Option("--api-key-env <name>", "with --endpoint: environment variable that holds the key (OPENAI_API_KEY)"),
  option.deviceOption(),
  option.threadsOption(),
  new Option("--json", "print one record").default(false),
];

/** @throws {UsageError} */
export function oneOf<T extends string>(flag: string, text: string, choices: readonly T[]): T {
  const found = choices.find((one) => one === text);
  if (found !== undefined) return found;
  throw new UsageError(`Cannot use ${flag} as it must be one of ${choices.join(", ")}: current value is "${text}"`);
}
