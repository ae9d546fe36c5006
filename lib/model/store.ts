/** The folder of pulled models: one folder per model, described by a manifest that is written last. */
import { RunError } from "../error.ts";
import { readJsonObject } from "./json_file.ts";
import { refuse } from "./model_file.ts";

export interface ManifestFile {
  /** Relative to the model's folder. */
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** What is known of a pulled model; `manifest.json` in its folder. */
export interface Manifest {
  /** What `--model` accepts. */
  readonly name: string;
  /** Where it came from: a package with its version, a repository, a URL. */
  readonly source: string;
  /** Commit of a repository. */
  readonly revision: string | null;
  /** What to open, relative to the folder: a `.gguf` file, or `.` for the folder itself. */
  readonly open: string;
  readonly files: readonly ManifestFile[];
}

/** `$ROCKETKV_HOME`, else `$XDG_CACHE_HOME/rocketkv`, else `~/.cache/rocketkv`. */
export function cacheFolder(): string {
  const own = Deno.env.get("ROCKETKV_HOME");
  if (own) return own;
  const caches = Deno.env.get("XDG_CACHE_HOME") || (Deno.env.get("HOME") && `${Deno.env.get("HOME")}/.cache`);
  if (!caches) throw new RunError("Cannot find the cache folder: ROCKETKV_HOME, XDG_CACHE_HOME or HOME must be set");
  return `${caches}/rocketkv`;
}

export function modelsFolder(): string {
  return `${cacheFolder()}/models`;
}

/** Folder of a model: its name without characters that mean something to a file system. */
export function modelFolder(name: string): string {
  return `${modelsFolder()}/${name.replaceAll(/[^\w.-]/g, "--").replace(/^\.+/, "")}`;
}

/** Null when no such model has been pulled completely. @throws {RunError} when its manifest is damaged. */
export async function readManifest(name: string): Promise<Manifest | null> {
  return await readManifestIn(modelFolder(name));
}

/** Write the manifest, which makes the model known. */
export async function writeManifest(manifest: Manifest): Promise<void> {
  const path = `${modelFolder(manifest.name)}/manifest.json`;
  await Deno.writeTextFile(`${path}.tmp`, JSON.stringify(manifest, null, 2) + "\n");
  await Deno.rename(`${path}.tmp`, path);
}

/** Pulled models by name. */
export async function listModels(): Promise<Manifest[]> {
  const models: Manifest[] = [];
  try {
    for await (const entry of Deno.readDir(modelsFolder())) {
      const manifest = entry.isDirectory ? await readManifestIn(`${modelsFolder()}/${entry.name}`) : null;
      if (manifest !== null) models.push(manifest);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return models.sort((a, b) => a.name < b.name ? -1 : 1);
}

/** Names of files whose size is not what it was when the model was pulled; gone ones too. */
export async function damagedFiles({ name, files }: Manifest): Promise<string[]> {
  const folder = modelFolder(name);
  const checks = files.map(async (file) => {
    const bytes = await Deno.stat(`${folder}/${file.name}`).then((info) => info.size, () => -1);
    return bytes === file.bytes ? [] : [file.name];
  });
  return (await Promise.all(checks)).flat();
}

async function readManifestIn(folder: string): Promise<Manifest | null> {
  const path = `${folder}/manifest.json`;
  const json = await readJsonObject(path, {});
  if (Object.keys(json).length === 0) return null;
  const { name, source, revision, open, files } = json;
  if (
    typeof name !== "string" || typeof source !== "string" || typeof open !== "string" ||
    (typeof revision !== "string" && revision !== null) || !Array.isArray(files) || !files.every(isManifestFile)
  ) refuse(path, "must have name, source, revision, open and files: remove it and pull the model again");
  return { name, source, revision, open, files };
}

function isManifestFile(value: unknown): value is ManifestFile {
  const { name, bytes, sha256 } = (value ?? {}) as Record<string, unknown>;
  return typeof name === "string" && Number.isSafeInteger(bytes) && typeof sha256 === "string";
}
