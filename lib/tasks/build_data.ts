/** Generated samples as files, for other programs and for the task `file`. */
import { UsageError } from "../error.ts";
import { writeWhole, writing } from "../model/writing.ts";
import { formatLength } from "../sweep/grid/length.ts";
import type { ModelText } from "../text/types.ts";
import { promptTokens } from "./prompt/assemble.ts";
import { expandTasks, openTask } from "./catalog.ts";
import { lineOf } from "./file/record.ts";
import type { Length, TaskSpec } from "./task.ts";

export interface BuildRequest {
  /** A task, or a benchmark for its usual ones. */
  readonly spec: TaskSpec;
  /** Of the tokenizer that lengths are counted with. */
  readonly text: ModelText;
  readonly lengths: readonly Length[];
  readonly seed: number;
  readonly count: number;
  readonly out: string;
  readonly signal: AbortSignal;
  readonly onSample?: (done: number, total: number) => void;
}

export interface BuiltFile {
  readonly path: string;
  readonly task: string;
  readonly length: string;
  readonly samples: number;
  /** Of the longest prompt with its answer. */
  readonly mostTokens: number;
}

/**
 * Write `<out>/<length>/<task>/validation.jsonl` for every task and length; `record.ts` of the task `file` has the fields.
 *
 * @throws {UsageError} for tasks that come from files already; {RunError} for a length that is too short, or a full disk.
 */
export async function buildData(request: BuildRequest): Promise<BuiltFile[]> {
  const { text, lengths, seed, count, out, signal, onSample = () => {} } = request;
  const tasks = await Promise.all((await expandTasks(request.spec)).map(openTask));
  for (const { spec, usesLength } of tasks) {
    if (!usesLength) {
      throw new UsageError(`Cannot build "${spec.name}": expected a task that is generated, such as niah or ruler/vt`);
    }
  }
  const plan = await Promise.all(
    tasks.flatMap((task) =>
      lengths.map(async (length) => ({ task, length, groups: await task.groups({ text, length, seed, count }) }))
    ),
  );
  const total = plan.reduce((sum, { groups }) => sum + groups.reduce((own, { keys }) => own + keys.length, 0), 0);
  const files: BuiltFile[] = [];
  let done = 0;
  for (const { task, length, groups } of plan) {
    const lines: string[] = [];
    let mostTokens = 0;
    for (const group of groups) {
      for (const sample of await group.make()) {
        signal.throwIfAborted();
        const tokens = promptTokens(text, sample, task.tokenise) + sample.turns[0]!.maxNewTokens;
        mostTokens = Math.max(mostTokens, tokens);
        lines.push(lineOf(sample, { index: lines.length, group: group.id, length: tokens }));
        onSample(++done, total);
        await null; // an interruption is heard between samples
      }
    }
    const name = task.spec.name.split("/").at(-1)!;
    const folder = `${out}/${formatLength(length)}/${name}`, path = `${folder}/validation.jsonl`;
    await writing(folder, () => Deno.mkdir(folder, { recursive: true }));
    await writeWhole(path, lines.map((line) => line + "\n"));
    files.push({ path, task: task.spec.name, length: formatLength(length), samples: lines.length, mostTokens });
  }
  return files;
}
