/** Model repositories of the Hugging Face hub: which files a model needs, and where they are. */
import { RunError, UsageError } from "../error.ts";
import { request } from "./http.ts";

/** One file to download. */
export interface RemoteFile {
  /** Name inside the model's folder. */
  readonly name: string;
  readonly url: string;
  /** Null when the server does not state one before the download. */
  readonly sha256: string | null;
}

export interface Repository {
  readonly revision: string;
  /** What to open, as in a manifest. */
  readonly open: string;
  readonly files: readonly RemoteFile[];
}

interface Listed {
  readonly name: string;
  readonly sha256: string | null;
}

/** Beside the weights; the first two must be there. */
export const TEXT_FILES = [
  "config.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "generation_config.json",
  "chat_template.jinja",
];
const SHARD = /^model-\d+-of-\d+\.safetensors$/;
const INDEX = "model.safetensors.index.json";

/** `$HF_ENDPOINT`, else the hub itself. */
export function hubEndpoint(): string {
  const endpoint = (Deno.env.get("HF_ENDPOINT") || "https://huggingface.co").replace(/\/+$/, "");
  if (/^https?:\/\/./.test(endpoint) && URL.canParse(endpoint)) return endpoint;
  throw new UsageError(`Cannot use HF_ENDPOINT: it must be an http or https URL: found "${endpoint}"`);
}

/** `$HF_TOKEN` as a header; gated models need it. */
export function hubHeaders(): Record<string, string> {
  const token = Deno.env.get("HF_TOKEN");
  return token ? { authorization: `Bearer ${token}` } : {};
}

/**
 * Ask the hub for a model's files.
 *
 * @param repo  `org/name`.
 * @param file  A `.gguf` file of the repository, or null for whatever model it holds.
 * @throws {RunError} when the repository or the file does not exist or holds no model that can be opened;
 *   {ConnectionLost} when the hub cannot be reached.
 */
export async function findRepository(repo: string, file: string | null, signal?: AbortSignal): Promise<Repository> {
  const endpoint = hubEndpoint();
  const url = `${endpoint}/api/models/${repo}?blobs=true`;
  const { response } = await request(url, hubHeaders(), [], signal);
  const answer = await response.json().catch(() => null) as Record<string, unknown> | null;
  const { sha, siblings } = answer ?? {};
  if (typeof sha !== "string" || !Array.isArray(siblings)) {
    throw new RunError(`Cannot read the answer of ${url}: "sha" and "siblings" are missing`);
  }
  const names = chooseFiles(repo, siblings.map(readListed), file);
  return {
    revision: sha,
    open: names.length === 1 ? baseName(names[0]!.name) : ".",
    files: names.map(({ name, sha256 }) => ({
      name: baseName(name),
      url: `${endpoint}/${repo}/resolve/${sha}/${name.split("/").map(encodeURIComponent).join("/")}`,
      sha256,
    })),
  };
}

function chooseFiles(repo: string, listed: readonly Listed[], file: string | null): Listed[] {
  const ggufs = listed.filter(({ name }) => name.endsWith(".gguf"));
  const choices = ggufs.map(({ name }) => name).join(", ") || "none";
  if (file !== null) {
    const chosen = ggufs.find(({ name }) => name === file);
    if (chosen === undefined) {
      throw new RunError(`Cannot pull ${repo}:${file}: the file must be one of its GGUF files: found ${choices}`);
    }
    return [chosen];
  }
  const sharded = listed.some(({ name }) => name === INDEX);
  const weights = listed.filter(({ name }) =>
    sharded ? name === INDEX || SHARD.test(name) : name === "model.safetensors"
  );
  if (weights.length === 0) {
    if (ggufs.length === 1) return ggufs;
    const hint = ggufs.length > 1 ? `: pull one of its GGUF files, as in ${repo}:${ggufs[0]!.name}` : "";
    throw new RunError(`Cannot pull ${repo}: expected safetensors files or one GGUF file: found ${choices}${hint}`);
  }
  for (const needed of TEXT_FILES.slice(0, 2)) {
    if (!listed.some(({ name }) => name === needed)) throw new RunError(`Cannot pull ${repo}: ${needed} is missing`);
  }
  return [...TEXT_FILES.flatMap((text) => listed.filter(({ name }) => name === text)), ...weights];
}

function readListed(entry: unknown): Listed {
  const { rfilename, lfs } = (entry ?? {}) as Record<string, unknown>;
  const { sha256 } = (lfs ?? {}) as Record<string, unknown>;
  return { name: String(rfilename ?? ""), sha256: typeof sha256 === "string" ? sha256 : null };
}

function baseName(name: string): string {
  return name.slice(name.lastIndexOf("/") + 1);
}
