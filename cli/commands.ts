/** Every command with its line of help. The code of a command is only loaded when it is the one that runs. */
import type { Command } from "@commander-js/extra-typings";

export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  /** Module whose `declare` gives a command its arguments, options and action. */
  readonly load: () => Promise<{ declare(command: Command): void }>;
}

export const commands: readonly CommandEntry[] = [
  {
    name: "generate",
    summary: "continue a prompt with a compressed KV cache",
    load: () => import("./commands/generate.ts"),
  },
  {
    name: "chat",
    summary: "talk to a model, turn after turn, on a compressed history",
    load: () => import("./commands/chat.ts"),
  },
  {
    name: "inspect",
    summary: "say what a model is and what it will cost",
    load: () => import("./commands/inspect.ts"),
  },
  {
    name: "methods",
    summary: "list the methods, and the numbers of one of them",
    load: () => import("./commands/methods.ts"),
  },
  {
    name: "fidelity",
    summary: "measure how far methods stray from the full cache",
    load: () => import("./commands/fidelity.ts"),
  },
  {
    name: "analyze",
    summary: "show what methods attend to, by layer and KV head",
    load: () => import("./commands/analyze.ts"),
  },
  {
    name: "bench",
    summary: "measure prefill and decode against the memory's bandwidth",
    load: () => import("./commands/bench.ts"),
  },
  {
    name: "niah",
    summary: "find needles in haystacks, at every length and depth",
    load: () => import("./commands/niah.ts"),
  },
  {
    name: "ruler",
    summary: "run RULER's thirteen tasks, generated or from its files",
    load: () => import("./commands/ruler.ts"),
  },
  {
    name: "longbench",
    summary: "run LongBench from a downloaded copy",
    load: () => import("./commands/longbench.ts"),
  },
  {
    name: "scbench",
    summary: "run SCBench's many questions about one context from a downloaded copy",
    load: () => import("./commands/scbench.ts"),
  },
  {
    name: "sweep",
    summary: "run a grid of models, methods, budgets and tasks",
    load: () => import("./commands/sweep.ts"),
  },
  {
    name: "status",
    summary: "say how far a run is, and how it goes on",
    load: () => import("./commands/status.ts"),
  },
  {
    name: "merge",
    summary: "bring together what the shards of a run have written",
    load: () => import("./commands/merge.ts"),
  },
  {
    name: "report",
    summary: "turn runs into tables, charts and one page",
    load: () => import("./commands/report.ts"),
  },
  {
    name: "compare",
    summary: "compare two runs on the samples that both have",
    load: () => import("./commands/compare.ts"),
  },
  {
    name: "rescore",
    summary: "score the answers of a run again, without running anything",
    load: () => import("./commands/rescore.ts"),
  },
  {
    name: "serve",
    summary: "answer requests in the form of OpenAI's API",
    load: () => import("./commands/serve.ts"),
  },
  {
    name: "export",
    summary: "write the numbers of a plan as another engine's configuration",
    load: () => import("./commands/export.ts"),
  },
  {
    name: "pull",
    summary: "download a model, or check the ones that are here",
    load: () => import("./commands/pull.ts"),
  },
  {
    name: "data",
    summary: "check and keep downloaded benchmarks, write generated samples as files",
    load: () => import("./commands/data.ts"),
  },
  {
    name: "doctor",
    summary: "check the installation and say how to repair it",
    load: () => import("./commands/doctor.ts"),
  },
  {
    name: "completions",
    summary: "print what a shell needs to complete command lines",
    load: () => import("./commands/completions.ts"),
  },
  {
    name: "man",
    summary: "print the manual, for man -l -",
    load: () => import("./commands/man.ts"),
  },
];
