/** Versions of the one-file program that lie unpacked beside this one. Nothing removes them: another process may run them. */
import type { Finding } from "./diagnosis.ts";
import { formatSize } from "./size.ts";

/** A version's folder is named by its hash; `.tmp` is what a killed first start has left. */
const VERSION = /^[\da-f]{32}(\.tmp)?$/;

/** @param folder  Where the running version lies. */
export async function checkUnpacked(folder: string): Promise<Finding> {
  const at = folder.lastIndexOf("/"), place = folder.slice(0, at), own = folder.slice(at + 1);
  const others = (await entriesOf(place)).filter(({ name, isDirectory }) =>
    isDirectory && VERSION.test(name) && name !== own
  );
  if (others.length === 0) return { name: "program", state: "ok", found: `unpacked in ${folder}` };
  let bytes = 0;
  for (const { name } of others) bytes += await bytesIn(`${place}/${name}`);
  const found = `${others.length} other ${others.length === 1 ? "version" : "versions"} in ${place}, ${
    formatSize(bytes)
  }`;
  const advice = `Remove ${place} while none of them runs: the next start unpacks what it needs`;
  return { name: "program", state: "note", found, advice };
}

async function bytesIn(folder: string): Promise<number> {
  let bytes = 0;
  for (const { name, isDirectory } of await entriesOf(folder)) {
    const path = `${folder}/${name}`;
    bytes += isDirectory ? await bytesIn(path) : (await Deno.lstat(path).catch(() => null))?.size ?? 0;
  }
  return bytes;
}

/** None where the folder is gone by now. */
async function entriesOf(folder: string): Promise<Deno.DirEntry[]> {
  return await Array.fromAsync(Deno.readDir(folder)).catch(() => []);
}
