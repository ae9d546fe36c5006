import { statfs } from "node:fs/promises";
import { RunError } from "../error.ts";
import { unpackedFolder } from "../installation.ts";
import { cacheFolder, listModels, modelsFolder } from "../model/store.ts";
import { ABI_VERSION, type Device, Library, libraryPath } from "../native/library.ts";
import { deviceName } from "./device.ts";
import { formatSize } from "./size.ts";
import { checkUnpacked } from "./unpacked.ts";

/** One thing that was looked at. */
export interface Finding {
  readonly name: string;
  /** `broken`: no model can run until it is repaired. `note`: worth knowing. */
  readonly state: "ok" | "note" | "broken";
  readonly found: string;
  /** What to do about it. */
  readonly advice?: string;
}

/** Oldest Deno with everything that is used here. */
const MINIMUM_DENO = [2, 9] as const;

/** Look at everything that running a model needs. */
export async function diagnose(): Promise<Finding[]> {
  const folder = unpackedFolder();
  return [
    checkDeno(Deno.version.deno),
    ...checkNative(),
    ...folder === null ? [] : [await checkUnpacked(folder)],
    await checkModels(),
    ...await checkDisk(),
  ];
}

export function checkDeno(version: string): Finding {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [wantedMajor, wantedMinor] = MINIMUM_DENO;
  if (major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)) {
    return { name: "deno", state: "ok", found: version };
  }
  const advice = `Run make setup, which installs a newer one: ${MINIMUM_DENO.join(".")} or later is needed`;
  return { name: "deno", state: "broken", found: version, advice };
}

/** The library and, when it can be opened, its devices. */
export function checkNative(path: string = libraryPath()): Finding[] {
  try {
    const library = Library.open(path);
    const found = `${path}, ABI version ${ABI_VERSION}`;
    return [{ name: "library", state: "ok", found }, ...library.devices().map(describeDevice)];
  } catch (error) {
    if (!(error instanceof RunError)) throw error;
    return [{ name: "library", state: "broken", found: error.message, advice: "Run make in the folder of rocketkv" }];
  }
}

/** One device: what it is and has, or why it cannot be used. A machine without CUDA is not broken. */
export function describeDevice(device: Device): Finding {
  const { kind, usable, arch, threads, memoryTotal, memoryFree, detail } = device;
  const name = arch === "" ? kind : deviceName(device);
  if (!usable && kind === "cpu") return { name, state: "broken", found: detail, advice: "A CPU with AVX2 is needed" };
  // A device that was seen but cannot be used is named; without a driver there is none to name.
  if (!usable) return { name, state: "note", found: arch === "" ? detail : `${device.name}: ${arch}: ${detail}` };
  const units = kind === "cpu" ? "threads" : "multiprocessors";
  const memory = `${formatSize(memoryFree)} of ${formatSize(memoryTotal)} free`;
  const found = `${device.name}: ${arch}, ${threads} ${units}, ${memory}`;
  if (kind === "cpu" || memoryFree >= LITTLE_CUDA_MEMORY) return { name, state: "ok", found };
  const advice = "Too little memory is free for most models: end other programs on this device";
  return { name, state: "note", found, advice };
}

/** Bytes of a small model and its cache. */
const LITTLE_CUDA_MEMORY = 2 ** 30;

async function checkModels(): Promise<Finding> {
  let folder: string;
  try {
    folder = modelsFolder();
  } catch (error) {
    if (!(error instanceof RunError)) throw error; // models are named by their files then
    return { name: "models", state: "note", found: error.message };
  }
  const models = await listModels();
  if (models.length > 0) {
    return { name: "models", state: "ok", found: `${models.map(({ name }) => name).join(", ")} in ${folder}` };
  }
  const advice = 'Run "rocketkv pull smollm2" for a small one, or name a folder or GGUF file with -m';
  return { name: "models", state: "note", found: `none in ${folder}`, advice };
}

/** Room for models. Says nothing where there is no folder for them yet or asking is not permitted. */
async function checkDisk(): Promise<Finding[]> {
  let folder: string;
  let free: number;
  try {
    folder = cacheFolder();
    const { bavail, bsize } = await statfs(folder);
    free = bavail * bsize;
  } catch {
    return [];
  }
  const found = `${formatSize(free)} free in ${folder}`;
  if (free >= ROOM_FOR_A_MODEL) return [{ name: "disk", state: "ok", found }];
  return [{
    name: "disk",
    state: "note",
    found,
    advice: "Make room, or set ROCKETKV_HOME to a folder on another disk",
  }];
}

/** Bytes of an 8B model with 4-bit weights. */
const ROOM_FOR_A_MODEL = 5 * 2 ** 30;
