/** Everything that a one-file program is made of, besides this project's own code. */
import { createHash } from "node:crypto";
import type { BuildFacts } from "../../cli/version.ts";
import { readPackage } from "./packages.ts";

/** A part, in the words of CycloneDX. */
export interface Part {
  readonly name: string;
  readonly version: string;
  /** SPDX expression, or a name that SPDX does not know. */
  readonly licence: string;
  /** What its licence asks to be passed on. */
  readonly text: string;
  readonly purl?: string;
  readonly hash?: { readonly alg: "SHA-256" | "SHA-512"; readonly content: string };
}

/** @param packages  `name@version` of those in the bundle. @throws {Error} for a part without a licence. */
export function partsOf(packages: readonly string[], facts: BuildFacts): Part[] {
  return [deno(), zstd(), compilerRuntime(facts.compiler), ...cudaRuntime(facts.cudaRuntime), ...packages.map(npmPart)];
}

function npmPart(id: string): Part {
  const { name, version, licence, text, sha512 } = readPackage(id);
  const purl = `pkg:npm/${name.replace("@", "%40")}@${version}`;
  return { name, version, licence, text, purl, hash: { alg: "SHA-512", content: sha512 } };
}

function deno(): Part {
  const content = createHash("sha256").update(Deno.readFileSync(Deno.execPath())).digest("hex");
  const { deno: version } = Deno.version;
  const text = Deno.readTextFileSync("scripts/dist/deno_licence.txt").trim();
  const purl = `pkg:npm/%40deno/linux-x64-glibc@${version}`;
  return { name: "deno", version, licence: "MIT", text, purl, hash: { alg: "SHA-256", content } };
}

function zstd(): Part {
  const header = Deno.readTextFileSync(".tools/zstd/lib/zstd.h");
  const version = ["MAJOR", "MINOR", "RELEASE"]
    .map((part) => header.match(new RegExp(`#define ZSTD_VERSION_${part} +(\\d+)`))![1]).join(".");
  const text = Deno.readTextFileSync(".tools/zstd/LICENSE").trim();
  return { name: "zstd", version, licence: "BSD-3-Clause", text, purl: `pkg:github/facebook/zstd@v${version}` };
}

function compilerRuntime(version: string): Part {
  const text = "The C++ runtime of GCC (libstdc++, libgcc) is linked in under the GCC Runtime Library Exception, " +
    "which lets programs carry it under terms of their own: https://www.gnu.org/licenses/gcc-exception-3.1.html";
  return { name: "gcc-runtime", version, licence: "GPL-3.0-or-later WITH GCC-exception-3.1", text };
}

function cudaRuntime(version: string): Part[] {
  if (version === "") return [];
  const text =
    "The static CUDA runtime of NVIDIA Corporation is linked in and may be passed on as a part of programs, " +
    "under Attachment A of the CUDA Toolkit End User License Agreement: https://docs.nvidia.com/cuda/eula/";
  return [{ name: "cuda-runtime", version, licence: "CUDA Toolkit EULA", text }];
}
