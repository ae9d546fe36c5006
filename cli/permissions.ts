/**
 * What each command may do. Deno is started with these permissions and no others: the launcher (`cli/launcher/`) has this
 * table in it. A command that does more fails, and `describeFailure()` says with what.
 *
 * Every command may load the native library, read the environment variables of `ENVIRONMENT`, and read any file: models
 * and texts lie anywhere, and a model folder may hold links to files elsewhere (the hub's own cache does), whose targets
 * nobody knows before the folder is read.
 */

/** What a command needs beyond what every command may do. */
export interface Needs {
  /** What is written to; `anywhere` is for commands that learn the place while they run. */
  readonly writes?: readonly Place[] | "anywhere";
  /**
   * `anywhere`; `endpoint`: the hosts that the values of `--endpoint` name; `host`: what is served to, the value of `--host`.
   * The latter two with a key from the environment variables that the values of `--api-key-env` name.
   */
  readonly connects?: "anywhere" | "endpoint" | "host";
  /** Programs that are run, found on PATH. */
  readonly runs?: readonly string[];
  /** What is asked of the system, in the words of Deno's `--allow-sys`. */
  readonly asks?: readonly SystemFact[];
  /** Environment variables beyond those that every command may read. */
  readonly reads?: readonly string[];
  /** PNG charts: a native module makes them, and asks what machine this is. */
  readonly charts?: true;
  /** Words of Chinese texts: a native module finds them, and asks how it shall be loaded. */
  readonly chinese?: true;
}

/**
 * A file or folder that is written, and beside it the same name with `.tmp`, which a file has until it is whole.
 * A folder is granted with all that is in it.
 */
export type Place =
  /** A part of the folder that this program keeps for itself. Another one of them is the one-file program, unpacked. */
  | { readonly cache: "models" | "haystacks" | "data" }
  /** The value of an option, else `otherwise`: a path in the current folder. */
  | { readonly option: `--${string}`; readonly otherwise?: string }
  /** The value of an argument, counted from 0. */
  | { readonly argument: number };

export type SystemFact = "cpus" | "hostname" | "networkInterfaces" | "statfs" | "osRelease" | "systemMemoryInfo";

/** Environment variables that every command may read. */
export const ENVIRONMENT: readonly string[] = [
  ...["ROCKETKV_HOME", "XDG_CACHE_HOME", "HOME"], // where models are
  ...["NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "TERM"], // what the terminal can show
];

/** What the native modules need besides being loaded. */
export const CHARTS: Needs = { asks: ["cpus", "hostname", "networkInterfaces"] };
export const CHINESE: Needs = {
  reads: ["FORCE_WASI", "WASI_FLAVOR", "NATIVE_LIBRARY_PATH", "ENFORCE_VERSION_CHECK"].map((name) => `NAPI_RS_${name}`),
};

/** What is asked of a hub besides files. */
const HUB = ["HF_ENDPOINT", "HF_TOKEN"];

/** What runs a grid: a run folder, charts in it, an engine of its own or a server's. */
const GRID: Needs = {
  writes: [{ option: "--out", otherwise: "runs" }],
  connects: "endpoint",
  reads: ["OPENAI_API_KEY"],
  asks: ["hostname"], // every timing says where it was taken
  charts: true,
  chinese: true,
};

const PULLED: readonly Place[] = [{ cache: "models" }, { cache: "haystacks" }];
const RUN_FOLDER: readonly Place[] = [{ argument: 0 }, { option: "--out" }];

/** By name of the command. A command that needs nothing has an entry too. */
export const permissions: Readonly<Record<string, Needs>> = {
  generate: {},
  chat: { writes: "anywhere" }, // a conversation is saved wherever the user says
  inspect: {},
  methods: {},
  fidelity: {},
  analyze: { writes: [{ option: "--out" }], charts: true },
  bench: {},
  serve: { connects: "host" },
  pull: { writes: PULLED, connects: "anywhere", runs: ["python3", "npm"], reads: HUB }, // hubs redirect to other hosts
  doctor: { asks: ["statfs"] }, // free disk space
  niah: GRID,
  ruler: GRID,
  longbench: GRID,
  scbench: GRID,
  sweep: {
    ...GRID,
    // Where it is itself, for scripts of jobs; and what the reader of YAML asks for.
    reads: [...GRID.reads ?? [], "ROCKETKV_PROGRAM", "LOG_TOKENS", "LOG_STREAM"],
    runs: ["sbatch", "squeue"],
  },
  status: { runs: ["squeue"] },
  merge: { writes: RUN_FOLDER },
  rescore: { writes: RUN_FOLDER, chinese: true },
  report: { writes: RUN_FOLDER, charts: true },
  compare: {},
  data: { writes: [{ cache: "data" }, { option: "--out", otherwise: "data" }] },
  export: { writes: [{ option: "--out" }] },
  completions: {},
  man: {},
};
