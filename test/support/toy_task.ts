/** A task without a benchmark, for tests of what runs tasks. */
import type { Sample, Turn } from "../../lib/tasks/sample.ts";
import type { SampleGroup, Task } from "../../lib/tasks/task.ts";

/** A turn that is scored by whether its answer has `x`. */
export function toyTurn(question: string, fields: Partial<Turn> = {}): Turn {
  const scoring = { metric: "match_all", references: ["x"] } as const;
  return { question, answerPrefix: "", maxNewTokens: 4, scoring, ...fields };
}

export function toySample(key: string, context: string, fields: Partial<Sample> = {}): Sample {
  return { key, depth: null, context, turns: [toyTurn(" ?")], chat: "model", ...fields };
}

/** One group of samples. */
export function toyTask(samples: readonly Sample[], fields: Partial<Task> = {}): { task: Task; group: SampleGroup } {
  const group: SampleGroup = { id: "0", keys: samples.map(({ key }) => key), make: () => Promise.resolve(samples) };
  const task: Task = {
    spec: { name: "toy", options: {} },
    dataMode: "native",
    usesLength: false,
    dataId: "1",
    groups: () => Promise.resolve([group]),
    ...fields,
  };
  return { task, group };
}
