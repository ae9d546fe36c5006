/** Shards: the same run on several machines, each of which takes its part of the groups. */
import { UsageError } from "../../error.ts";
import { sha256 } from "../../model/sha256.ts";

export interface Shard {
  /** From 1 to `count`. */
  readonly index: number;
  readonly count: number;
}

export const WHOLE: Shard = { index: 1, count: 1 };

/** `2/7`. @throws {UsageError} */
export function parseShard(text: string): Shard {
  const [, index, count] = /^(\d{1,6})\/(\d{1,6})$/.exec(text)?.map(Number) ?? [];
  if (index === undefined || count === undefined || index < 1 || index > count) {
    throw new UsageError(`Cannot use --shard "${text}": it must be i/n with 1 <= i <= n, such as 2/7`);
  }
  return { index, count };
}

/** `2-of-7`, as files are named. */
export function shardName({ index, count }: Shard): string {
  return `${index}-of-${count}`;
}

/** Whether a shard takes a group. @param group  Unique in the run: task, length, seed and the group's own id. */
export function takes({ index, count }: Shard, group: string): boolean {
  const hash = sha256();
  hash.update(new TextEncoder().encode(group));
  return parseInt(hash.hex().slice(0, 12), 16) % count === index - 1;
}
