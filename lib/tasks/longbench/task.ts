/** The tasks `longbench/...`: LongBench and LongBench-E, from the user's own copy in any of its layouts. */
import { hashFile } from "../../model/sha256.ts";
import { importedFolder } from "../data_store.ts";
import { needDataSet, recordGroups } from "../files/data_set.ts";
import { chineseWords } from "../metrics/chinese.ts";
import { CODE_SIMILARITIES } from "../metrics/code_similarity.ts";
import type { Sample } from "../sample.ts";
import type { Task, TaskSpec } from "../task.ts";
import { TaskOptions } from "../task_options.ts";
import { PROMPT_PACK, PROMPTS } from "./prompts.ts";
import { isPrerendered, prerenderedSample, sampleOf } from "./record.ts";
import { baseName, ENGLISH, NAMES, TASKS, WHENCE } from "./tasks.ts";
import { officialNewTokens, officialPrompt } from "./template.ts";

export const tasks = NAMES;
/** Of `longbench` alone. */
export const usual = ENGLISH;

/**
 * Options: `data`, the folder or file (that of `data import` without it); `prompts` and `maxlen`, the benchmark's
 * `dataset2prompt.json` and `dataset2maxlen.json`; `codeSimilarity`; `recursionLimit` of the official ROUGE.
 *
 * @throws {UsageError} for options that it does not know or cannot use, and for files that are missing or bad; {RunError} for a
 * Chinese task where Chinese cannot be cut into words.
 */
export async function open(spec: TaskSpec): Promise<Task> {
  const name = spec.name.split("/")[1]!, base = baseName(name), task = TASKS[base]!;
  const read = new TaskOptions(spec);
  const data = read.text("data", null), prompts = read.text("prompts", null), maxlen = read.text("maxlen", null);
  const scoring = {
    ...(task.metric === "code_sim" && { codeSimilarity: read.choice("codeSimilarity", CODE_SIMILARITIES, "indel") }),
    ...(task.metric.startsWith("rouge_l") && { recursionLimit: read.integer("recursionLimit", 1000, 20) }),
  };
  for (const name of ["codeSimilarity", "recursionLimit"]) read.any(name); // may be given once for all tasks
  read.done();
  if (task.metric.endsWith("_zh")) chineseWords("");

  const set = await needDataSet(data ?? await importedFolder("longbench", name, WHENCE), [name], WHENCE);
  const prerendered = isPrerendered(set.rows[0]!);
  const template = prompts === null ? PROMPTS[base]! : await officialPrompt(prompts, base);
  const newTokens = maxlen === null ? task.newTokens : await officialNewTokens(maxlen, base);
  const pack = prerendered
    ? "prerendered"
    : prompts === null
    ? PROMPT_PACK
    : (await hashFile(prompts)).hex().slice(0, 12);
  const samples = set.rows.map((row, i): Sample =>
    prerendered
      ? prerenderedSample(row, `${i}`, task, scoring)
      : sampleOf(row, `${i}`, task, template, newTokens, scoring)
  );
  const official = prerendered || prompts !== null;
  return {
    // Where the files lie is no part of what they are.
    spec: { name: spec.name, options: { promptPack: pack, ...(!prerendered && { newTokens }), ...scoring } },
    dataMode: official ? "official" : "native",
    usesLength: false,
    tokenise: official ? "whole" : "split",
    dataId: `sha256 ${set.id}`,
    groups: ({ seed, count }) => Promise.resolve(recordGroups(samples, count, seed)),
  };
}
