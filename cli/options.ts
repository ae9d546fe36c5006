// deno-lint-ignore-file explicit-module-boundary-types -- the inferred type of an option is the type of its value
/** Options that several commands share, and how their values are read. */
import { Option } from "@commander-js/extra-typings";
import { UsageError } from "../lib/error.ts";
import { KV_TYPES } from "../lib/methods/kv_format.ts";

/** Limits of a number, both included. */
interface Range {
  readonly min?: number;
  readonly max?: number;
}

/** Parser of a whole number. @throws {UsageError} */
export function integer(flag: string, range: Range = {}): (text: string) => number {
  return parser(flag, "an integer", /^-?\d+$/, { min: 0, max: LARGEST, ...range });
}

/** Parser of a number. @throws {UsageError} */
export function number(flag: string, range: Range = {}): (text: string) => number {
  return parser(flag, "a number", /^-?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i, { min: 0, max: LARGEST, ...range });
}

/** Most that the library's 32-bit numbers hold. */
const LARGEST = 2 ** 31 - 1;

function parser(flag: string, kind: string, form: RegExp, { min, max }: Required<Range>): (text: string) => number {
  return (text) => {
    const value = form.test(text) ? Number(text) : NaN;
    if (value >= min && value <= max) return value;
    const wanted = max < LARGEST || value > max ? `${kind} between ${min} and ${max}` : `${kind} >= ${min}`;
    throw new UsageError(`Cannot use ${flag} as it must be ${wanted}: current value is "${text}"`);
  };
}

/** Parser of values separated by commas: `512,2048`. @throws {UsageError} */
export function list<T>(flag: string, item: (text: string) => T): (text: string) => T[] {
  return (text) => {
    const parts = text.split(",").map((part) => part.trim());
    if (parts.includes("")) {
      throw new UsageError(`Cannot use ${flag} as it must be a list such as 1,2: current value is "${text}"`);
    }
    return parts.map(item);
  };
}

/** Gathers the values of an option that may be repeated. */
export function repeated(text: string, previous: string[]): string[] {
  return [...previous, text];
}

export const promptOption = () => new Option("-p, --prompt <text>", "prompt; - reads stdin").conflicts("file");

export const promptFileOption = (what = "file with the prompt") =>
  new Option("-f, --file <path>", `${what}; - reads stdin`);

export const systemOption = () => new Option("--system <text>", "system message in front of the prompt");

export const rawOption = () =>
  new Option("--raw", "run the prompt as it is, without the model's chat template").default(false);

export const modelOption = () =>
  new Option("-m, --model <name>", "name of a pulled model, folder or GGUF file").default("smollm2");

export const deviceOption = () => new Option("--device <name>", "auto, cpu, cuda or cuda:<number>").default("auto");

export const threadsOption = () =>
  new Option("--threads <count>", "CPU threads, 0 = all").default(0).argParser(integer("--threads", { max: 1024 }));

export const newTokensOption = (count = 128) =>
  new Option("-n, --new-tokens <count>", "most tokens to generate").default(count).argParser(
    integer("--new-tokens", { min: 1 }),
  );

export const kvTypeOption = () =>
  new Option(
    "--kv-type <type>",
    "element type of the KV cache; int8, int4 and int2 leave the most recent tokens in bf16",
  )
    .choices(KV_TYPES).default("bf16" as const);

export const chunkOption = () =>
  new Option("--chunk <tokens>", "prompt tokens that go through a layer at a time, 0 = automatic").default(0).argParser(
    integer("--chunk"),
  );

export const allowLongOption = () =>
  new Option("--allow-long", "run prompts that are longer than what the model was made for").default(false);
