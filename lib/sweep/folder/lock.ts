/**
 * Who works in a run folder. Locks are the system's own (`flock`), so that they end with the process, however it ends.
 *
 *     locks/folder.lock      held for moments, while somebody looks at the others
 *     locks/<i>-of-<n>.lock  held by the process of a shard; says who that is
 *
 * Shards of the same number may run side by side. Those of another number would take the same samples, so they may not.
 */
import { RunError } from "../../error.ts";
import { writing } from "../../model/writing.ts";
import { reading } from "./files.ts";
import { type Shard, shardName } from "./shard.ts";

/** Written into a lock. */
export interface Holder {
  readonly pid: number;
  readonly host: string;
  /** ISO 8601. */
  readonly since: string;
}

/** A shard that a process works on. */
export interface RunningShard {
  readonly shard: Shard;
  readonly holder: Holder | null;
}

/**
 * Take a shard of a run folder, which is made where it is missing, and then do what must not happen twice at a time.
 *
 * @param prepare  Runs while no other process can take a shard; gets those that are running.
 * @returns The lock, which the process holds until it disposes it or ends, and what `prepare` gave.
 * @throws {RunError} when another process has the shard, or one of another number; the message says which.
 */
export async function lockShard<T>(
  path: string,
  shard: Shard,
  holder: Holder,
  prepare: (others: readonly RunningShard[]) => Promise<T>,
): Promise<[Disposable, T]> {
  const folder = `${path}/locks`;
  await writing(folder, () => Deno.mkdir(folder, { recursive: true }));
  using guard = await openLock(`${folder}/folder.lock`);
  await guard.lock(true);
  const others = await runningShards(path);
  const other = others.find((one) => one.shard.index === shard.index || one.shard.count !== shard.count);
  if (other !== undefined) throw refusal(path, shard, other);
  const lock = await openLock(`${folder}/${shardName(shard)}.lock`);
  try {
    await lock.lock(true); // at most until somebody who only looked has closed it
    await writing(folder, async () => {
      await lock.truncate();
      await lock.write(new TextEncoder().encode(JSON.stringify(holder) + "\n"));
    });
    return [lock, await prepare(others)];
  } catch (error) {
    lock.close();
    throw error;
  }
}

/** Shards that processes work on at the moment, on whatever machine the file system's locks reach. */
export async function runningShards(path: string): Promise<RunningShard[]> {
  const folder = `${path}/locks`;
  const names = await reading(folder, async () => (await Array.fromAsync(Deno.readDir(folder))).map((f) => f.name), []);
  const running: RunningShard[] = [];
  for (const name of names.toSorted()) {
    const [, index, count] = /^(\d+)-of-(\d+)\.lock$/.exec(name)?.map(Number) ?? [];
    if (index === undefined || count === undefined) continue;
    using file = await reading(`${folder}/${name}`, () => Deno.open(`${folder}/${name}`));
    if (await file.tryLock(false)) continue;
    running.push({ shard: { index, count }, holder: readHolder(`${folder}/${name}`) });
  }
  return running;
}

async function openLock(path: string): Promise<Deno.FsFile> {
  return await writing(path, () => Deno.open(path, { read: true, write: true, create: true }));
}

function readHolder(path: string): Holder | null {
  try {
    return JSON.parse(Deno.readTextFileSync(path));
  } catch {
    return null; // it is only there for people
  }
}

function refusal(path: string, wanted: Shard, { shard, holder }: RunningShard): RunError {
  const who = holder === null ? "another process" : `process ${holder.pid} on ${holder.host} since ${holder.since}`;
  const what = `shard ${shard.index}/${shard.count}`;
  const problem = shard.count === wanted.count
    ? `expected nobody at work on ${what}`
    : `expected shards of one number at a time, wanted ${wanted.index}/${wanted.count}`;
  return new RunError(`Cannot run in ${path}: ${problem}: ${who} works on ${what}`);
}
