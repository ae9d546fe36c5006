/** The programs under test: how each is started, and what it is called in tables. */

import type { Measurement } from "./measurement.ts";

const ROOT = decodeURIComponent(new URL("../../", import.meta.url).pathname);
const PEERS = `${ROOT}.tools/peers`;

/** node-llama-cpp as installed; its prebuilt binaries are packages of the same version. */
export const LLAMA_CPP_VERSION = "3.22.1";
/** Its module, once it is installed. */
export const LLAMA_CPP = `${PEERS}/node_modules/node-llama-cpp/dist/index.js`;

export interface Work {
  /** Path of a GGUF file. */
  readonly model: string;
  readonly contexts: readonly number[];
  readonly threads: number;
  /** Decode steps of one measurement. */
  readonly steps: number;
  /** Token budget of rocketkv's compressed decode. */
  readonly budget: number;
}

export interface Program {
  readonly name: string;
  command(work: Work): string[];
}

export const rocketkv: Program = {
  name: "rocketkv",
  command: ({ model, contexts, threads, steps, budget }) => [
    `${ROOT}build/rocketkv`,
    "bench",
    ...["--model", model, "--context", contexts.join(","), "--threads", `${threads}`, "--new-tokens", `${steps}`],
    ...["--method", "full,rocketkv", "--budget", `${budget}`, "--repeat", "1", "--repeat-prefill", "1", "--json"],
  ],
};

export const llamaCpp: Program = {
  name: "llama.cpp",
  command: ({ model, contexts, threads, steps }) => [
    "node",
    `${ROOT}scripts/bench_peers/llama_cpp.mjs`,
    LLAMA_CPP,
    ...[model, `${threads}`, contexts.join(","), `${steps}`],
  ],
};

/** Put llama.cpp's prebuilt CPU binary into .tools/peers, where rocketkv itself never looks. */
export async function installLlamaCpp(): Promise<void> {
  const packages = ["node-llama-cpp", "@node-llama-cpp/linux-x64"].map((name) => `${name}@${LLAMA_CPP_VERSION}`);
  const stamp = `${PEERS}/${LLAMA_CPP_VERSION}.stamp`;
  if (await Deno.stat(stamp).then(() => true, () => false)) return;
  await Deno.mkdir(PEERS, { recursive: true });
  const quiet = ["--no-audit", "--no-fund", "--loglevel=error"];
  // --omit=optional leaves out the binaries of other platforms and GPUs; no script of a package is run.
  const only = ["--no-save", "--no-package-lock", "--ignore-scripts", "--omit=optional"];
  await output(["npm", "install", "--prefix", PEERS, ...quiet, ...only, ...packages]);
  await Deno.writeTextFile(stamp, "");
}

/** Run a program in a process of its own. @throws {Error} when it fails. */
export async function measure(program: Program, work: Work): Promise<Measurement[]> {
  const lines = (await output(program.command(work))).trim().split("\n");
  return lines.map((line) => JSON.parse(line) as Measurement);
}

/** What a command prints. @throws {Error} with its errors when it fails. */
export async function output([command, ...args]: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(command!, { args: [...args], stdin: "null" }).output();
  const text = new TextDecoder();
  if (code !== 0) throw new Error(`${command} ended with code ${code}: ${text.decode(stderr).trim()}`);
  return text.decode(stdout);
}
