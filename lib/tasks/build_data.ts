/** Generated samples as files, for other programs and for the task `file`. */
import { UsageError } from "../error.ts";
import { writeWhole, writing } from "../model/writing.ts";
import { formatLength } from "../sweep/grid/length.ts";
import type { ModelText } from "../text/types.ts";
import { promptTokens } from "./prompt/assemble.ts";
import { expandTasks, openTask } from "./catalog.ts";
import { lineOf } from "./file/record.ts";
import type { Length, Task, TaskSpec } from "./task.ts";

export interface BuildRequest {
  readonly tasks: readonly Task[];
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
 * @param spec  A task, or a benchmark for its usual ones.
 * @throws {UsageError} for tasks that come from files already, and for those without answers.
 */
export async function buildableTasks(spec: TaskSpec): Promise<Task[]> {
  const tasks = await Promise.all((await expandTasks(spec)).map(openTask));
  const other = tasks.find(({ usesLength, measures }) => !usesLength || measures === "fidelity");
  if (other === undefined) return tasks;
  throw new UsageError(
    `Cannot build "${other.spec.name}": expected a task that is generated and has answers, such as niah or ruler/vt`,
  );
}

/**
 * Write `<out>/<length>/<task>/validation.jsonl` for every task and length; `record.ts` of the task `file` has the fields.
 *
 * @throws {RunError} for a length that is too short, or a full disk.
 */
export async function buildData(request: BuildRequest): Promise<BuiltFile[]> {
  const { tasks, text, lengths, seed, count, out, signal, onSample = () => {} } = request;
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
