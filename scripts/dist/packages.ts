/** npm packages as `node_modules` and `deno.lock` know them. */
import { Buffer } from "node:buffer";

/** Packages that hold only the binary of another one have their licence there. */
const licenceHolder = (name: string) => name.replace(/-linux-x64-gnu$/, "");

export interface Package {
  readonly name: string;
  readonly version: string;
  /** SPDX expression. */
  readonly licence: string;
  /** All that its licence files say. */
  readonly text: string;
  /** SHA-512 of the package as it was published, in hexadecimal digits. */
  readonly sha512: string;
}

interface LockedPackage {
  readonly integrity: string;
}

/** @param id  `name@version`. @throws {Error} when it is not installed, not locked or has no licence. */
export function readPackage(id: string): Package {
  const { name, version } = splitId(id);
  const { license } = JSON.parse(Deno.readTextFileSync(`${packageFolder(name, version)}/package.json`));
  if (typeof license !== "string") throw new Error(`Cannot pack ${id}: it does not say its licence`);
  return { name, version, licence: license, text: licenceText(name, version), sha512: lockedHash(id) };
}

function splitId(id: string): { name: string; version: string } {
  const at = id.lastIndexOf("@");
  return { name: id.slice(0, at), version: id.slice(at + 1) };
}

function packageFolder(name: string, version: string): string {
  return `node_modules/.deno/${name.replace("/", "+")}@${version}/node_modules/${name}`;
}

function licenceText(name: string, version: string): string {
  const folder = packageFolder(licenceHolder(name), version);
  const names = [...Deno.readDirSync(folder)].map((entry) => entry.name).filter((name) =>
    /^(licen[cs]e|copying)/i.test(name)
  );
  if (names.length === 0) throw new Error(`Cannot pack ${name}@${version}: it has no licence file`);
  return names.sort().map((name) => Deno.readTextFileSync(`${folder}/${name}`).trim()).join("\n\n");
}

/** Keys of the lock file may go on with the versions of peers: `name@1.0.0_peer@2.0.0`. */
function lockedHash(id: string): string {
  const locked = Object.entries(lock).find(([key]) => key === id || key.startsWith(`${id}_`))?.[1];
  const base64 = locked?.integrity.match(/^sha512-(.+)$/)?.[1];
  if (base64 === undefined) throw new Error(`Cannot pack ${id}: deno.lock has no SHA-512 of it`);
  return Buffer.from(base64, "base64").toString("hex");
}

const lock: Readonly<Record<string, LockedPackage>> = JSON.parse(Deno.readTextFileSync("deno.lock")).npm;
