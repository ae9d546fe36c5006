/** The folder of pulled haystacks: one folder per text, described by a manifest that is written last. */
import { RunError } from "../../error.ts";
import { readJsonObject } from "../../model/json_file.ts";
import { refuse } from "../../model/model_file.ts";
import { sha256 } from "../../model/sha256.ts";
import { cacheFolder } from "../../model/store.ts";

/** What is known of a pulled text; `manifest.json` beside `text.txt`. */
export interface HaystackManifest {
  readonly name: string;
  /** Package and version that it came from. */
  readonly source: string;
  /** Of the text, not of the package. */
  readonly licence: string;
  readonly words: number;
  readonly bytes: number;
  readonly sha256: string;
}

export function haystacksFolder(): string {
  return `${cacheFolder()}/haystacks`;
}

/** Pulled haystacks by name. */
export async function listHaystacks(): Promise<HaystackManifest[]> {
  const found: HaystackManifest[] = [];
  try {
    for await (const { name, isDirectory } of Deno.readDir(haystacksFolder())) {
      const manifest = isDirectory ? await readHaystackManifest(name) : null;
      if (manifest !== null) found.push(manifest);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return found.sort((a, b) => a.name < b.name ? -1 : 1);
}

/** Null when no such haystack has been pulled completely. @throws {RunError} when its manifest is damaged. */
export async function readHaystackManifest(name: string): Promise<HaystackManifest | null> {
  const path = `${haystacksFolder()}/${name}/manifest.json`;
  const json = await readJsonObject(path, {});
  if (Object.keys(json).length === 0) return null;
  const { name: own, source, licence, words, bytes, sha256 } = json;
  if (
    own !== name || typeof source !== "string" || typeof licence !== "string" || typeof words !== "number" ||
    typeof bytes !== "number" || typeof sha256 !== "string"
  ) refuse(path, "must have name, source, licence, words, bytes and sha256: remove it and pull the haystack again");
  return { name, source, licence, words, bytes, sha256 };
}

/** @throws {RunError} for a haystack that was not pulled, or is not what was pulled. */
export async function readHaystack(name: string): Promise<string> {
  const manifest = /^[\w-]+$/.test(name) ? await readHaystackManifest(name) : null;
  if (manifest === null) {
    const here = (await listHaystacks()).map(({ name }) => name);
    const hint = here.length > 0 ? `; here already: ${here.join(", ")}` : "";
    throw new RunError(`Cannot find the haystack "${name}": "rocketkv pull haystack" gets one${hint}`);
  }
  const bytes = await Deno.readFile(`${haystacksFolder()}/${name}/text.txt`).catch(() => new Uint8Array());
  if (hex(bytes) !== manifest.sha256) {
    throw new RunError(`Cannot use the haystack "${name}": it is damaged: "rocketkv pull haystack ${name}" repairs it`);
  }
  return new TextDecoder().decode(bytes);
}

/** True when the text is what was pulled. */
export async function verifyHaystack({ name, sha256 }: HaystackManifest): Promise<boolean> {
  const bytes = await Deno.readFile(`${haystacksFolder()}/${name}/text.txt`).catch(() => new Uint8Array());
  return hex(bytes) === sha256;
}

/** Keep a text; the manifest makes it known. @returns Its manifest. */
export async function writeHaystack(
  about: Pick<HaystackManifest, "name" | "source" | "licence">,
  text: string,
): Promise<HaystackManifest> {
  const folder = `${haystacksFolder()}/${about.name}`;
  await Deno.mkdir(folder, { recursive: true });
  const bytes = new TextEncoder().encode(text);
  const words = text.match(/\S+/g)?.length ?? 0;
  const manifest = { ...about, words, bytes: bytes.length, sha256: hex(bytes) };
  for (const [name, data] of [["text.txt", bytes], ["manifest.json", json(manifest)]] as const) {
    await Deno.writeFile(`${folder}/${name}.tmp`, data);
    await Deno.rename(`${folder}/${name}.tmp`, `${folder}/${name}`);
  }
  return manifest;
}

function json(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value, null, 2) + "\n");
}

function hex(bytes: Uint8Array): string {
  const hash = sha256();
  hash.update(bytes);
  return hash.hex();
}
