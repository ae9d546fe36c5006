/**
 * Packs files for the launcher: `payload.zst` has their bytes one behind the other, `payload_table.inc` says whose they
 * are.
 *
 *   deno run --allow-all scripts/dist/pack.ts OUT-FOLDER FILE-OR-FOLDER...
 */
import { createHash } from "node:crypto";
import { Buffer } from "node:buffer";
import { constants, zstdCompressSync } from "node:zlib";

/** Packs in 2 seconds; 19 would take 70 and save a tenth. */
const LEVEL = 9;

interface PackedFile {
  readonly name: string;
  readonly mode: "0644" | "0755";
  readonly bytes: Uint8Array;
  readonly sha256: string;
}

/** Files by name, with all that is in folders. */
function readFiles(paths: readonly string[]): PackedFile[] {
  const files = paths.flatMap((path) =>
    Deno.statSync(path).isDirectory ? filesIn(path) : [[path.slice(path.lastIndexOf("/") + 1), path] as const]
  );
  return files.map(([name, path]) => {
    const bytes = Deno.readFileSync(path);
    const mode = name === "deno" ? "0755" : "0644";
    return { name, mode, bytes, sha256: createHash("sha256").update(bytes).digest("hex") } as const;
  }).sort((a, b) => a.name < b.name ? -1 : 1);
}

/** Names below a folder, with their paths. */
function filesIn(folder: string, prefix = ""): (readonly [name: string, path: string])[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) =>
    isDirectory
      ? filesIn(`${folder}/${name}`, `${prefix}${name}/`)
      : [[`${prefix}${name}`, `${folder}/${name}`] as const]
  );
}

/** The initialisers of `launcher::Payload` that come before its bytes. */
function payloadTable(files: readonly PackedFile[]): string {
  const rows = files.map(({ name, mode, bytes, sha256 }) => `{"${name}", ${mode}, ${bytes.length}, "${sha256}"},\n`);
  const key = createHash("sha256").update(rows.join("")).digest("hex").slice(0, 32);
  return `"${key}", {\n${rows.join("")}},\n`;
}

const [out, ...paths] = Deno.args as [string, ...string[]];
const files = readFiles(paths);
const packed = zstdCompressSync(Buffer.concat(files.map(({ bytes }) => bytes)), {
  params: {
    [constants.ZSTD_c_compressionLevel]: LEVEL,
    [constants.ZSTD_c_windowLog]: 27, // as far as a decompressor looks back without being asked to
  },
});
Deno.writeFileSync(`${out}/payload.zst`, packed);
Deno.writeTextFileSync(`${out}/payload_table.inc`, payloadTable(files));
