/** What `--version` prints. */
import config from "../deno.json" with { type: "json" };
import { builtFile } from "../lib/installation.ts";

/** `version.json`, which `make` writes: what the library was built from and for. */
export interface BuildFacts {
  /** Commit of the sources, with `-dirty` when they had changes; `unknown` outside of a repository. */
  readonly commit: string;
  /** Instruction sets that the CPU backend has kernels for. */
  readonly cpu: readonly string[];
  /** Architectures that the CUDA backend has code for; empty without one. */
  readonly cuda: readonly string[];
  /** Version of the CUDA runtime in the library; empty without one. */
  readonly cudaRuntime: string;
  /** Version of the C++ compiler. */
  readonly compiler: string;
}

/** Version, commit, backends and their targets, by line. */
export function versionText(): string {
  const { commit, cpu, cuda } = buildFacts();
  return [
    `rocketkv ${config.version}`,
    `commit    ${commit}`,
    `backends  ${cuda.length > 0 ? "cpu, cuda" : "cpu"}`,
    `cpu       ${cpu.join(", ")}`,
    `cuda      ${cuda.join(", ") || "-"}`,
    `deno      ${Deno.version.deno}`,
  ].join("\n");
}

function buildFacts(): BuildFacts {
  try {
    return JSON.parse(Deno.readTextFileSync(builtFile("version.json")));
  } catch {
    // Nothing was built, or half of it: a version is printed all the same.
    return { commit: "unknown", cpu: [], cuda: [], cudaRuntime: "", compiler: "unknown" };
  }
}
